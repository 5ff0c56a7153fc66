"""Network faults against the aws adapter: docs/faults.md says what is tested and how."""
