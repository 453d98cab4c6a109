"""What anybody may send: JSON of every kind, and objects that are almost what is expected."""

from __future__ import annotations

from hypothesis import strategies as st

# With lone surrogates: JSON can hold them as escapes, and they have no UTF-8.
texts = st.text(st.characters(), max_size=40)
# More than a float can hold, and what JSON calls numbers although it has none.
numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**63, 10**400, -(10**400), 1e308, float("nan"), float("inf"), float("-inf")]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def almost(expected, *, missing=True):
    """Objects like ``expected``, a dictionary of strategies: some members are something else, or missing."""
    members = {name: values | json_values for name, values in expected.items()}
    if missing:
        return st.fixed_dictionaries({}, optional=members)
    return st.fixed_dictionaries(members)
