"""The fast engine: obstore's data path behind any adapter's own driver.

It is no adapter. An adapter that obstore knows wraps its driver in a `FastDriver` and says, as a
`Dialect`, how its provider speaks (ADR 0009).
"""
