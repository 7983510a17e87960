"""The house rules as functions: each takes a text and yields what is wrong with it.

`tests/test_house.py` aims them at the tree and proves that each of them can fail.
"""
