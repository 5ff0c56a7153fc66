"""What other libraries hold `portable` by; each needs its extra, and none is imported by us."""
