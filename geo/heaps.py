"""A compiled binary heap: the smallest key first, in two arrays that the caller owns."""

# numba infers the types of compiled functions.
# ruff: noqa: ANN001, ANN201
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numba


@numba.njit(nogil=True, cache=True)
def push(keys, items, size, key, item):
    """Put an item on a heap of ``size`` items; return the new size. The arrays have room for it."""
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if keys[parent] <= key:
            break
        keys[i], items[i] = keys[parent], items[parent]
        i = parent
    keys[i], items[i] = key, item
    return size + 1


@numba.njit(nogil=True, cache=True)
def pop(keys, items, size):
    """Take the smallest item off a heap of ``size`` items; return its key, the item and the new size."""
    top, item = keys[0], items[0]
    size -= 1
    key, last = keys[size], items[size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[i], items[i] = keys[child], items[child]
        i = child
    keys[i], items[i] = key, last
    return top, item, size
