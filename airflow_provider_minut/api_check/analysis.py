"""Compares a reply with what the provider expects of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_minut.api.resources.replies import list_in
from airflow_provider_minut.api.shapes import OTHER_KEY, shape_of, type_name
from airflow_provider_minut.api_check.beliefs import Belief, Source
from airflow_provider_minut.api_check.endpoints import Endpoint
from airflow_provider_minut.api_check.replies import Reply
from airflow_provider_minut.exceptions import MinutResponseError


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A difference between a reply and what the provider expects. It contains no value of the reply.

    :param field: Name of the field.
    :param text: What is different.
    :param source: Where the belief comes from; ``None`` for a field that the provider does not know.
    :param features: Keys of the features that work only in part.
    :param limits_all: Whether all features that use the endpoint work only in part.
    """

    field: str
    text: str
    source: Source | None = None
    features: tuple[str, ...] = ()
    limits_all: bool = False

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found of an endpoint.

    :param reply: The reply.
    :param shape: Its shape; ``None`` without a reply.
    :param items: Number of items that were compared.
    :param problem: Why nothing can be read; empty if something can.
    :param differences: Differences from what the provider expects.
    :param unknown: Fields that the provider does not know.
    """

    reply: Reply
    shape: Any = None
    items: int = 0
    problem: str = ""
    differences: tuple[Difference, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        return self.reply.endpoint

    def limits(self, feature: str) -> list[str]:
        """Return why a feature works only in part.

        :param feature: Key of the feature.
        """
        return [str(found) for found in self.differences if found.limits_all or feature in found.features]


def analyse(reply: Reply, shown: Callable[[str], bool]) -> Finding:
    """Return what was found of an endpoint.

    :param reply: The reply.
    :param shown: Returns whether the key of an object is a field name, and no data.
    """
    if not reply.answered:
        return Finding(reply=reply, problem=reply.failure if reply.error else "")
    shape, endpoint = shape_of(reply.data, shown=shown), reply.endpoint
    sent, problem = _items_in(endpoint, reply.data)
    if problem:
        return Finding(reply=reply, shape=shape, problem=problem)
    items = [_as_object(endpoint, item) for item in sent]
    differences = [
        *_differences_around(endpoint, reply.data),
        *_unexpected_items(endpoint, sent),
        *_differences(endpoint.item, [item for item in items if isinstance(item, dict)]),
    ]
    rejected = sum(endpoint.read(_copy(item)) is None for item in items)
    if rejected == len(items) > 0:
        problem = "no item can be read" if endpoint.list_key else "the reply cannot be read"
    elif rejected:
        field, source = endpoint.list_key, endpoint.item[0].source
        text = "some items cannot be read"
        differences.append(Difference(field=field, text=text, source=source, limits_all=True))
    return Finding(
        reply=reply,
        shape=shape,
        items=len(items),
        problem=problem,
        differences=tuple(differences),
        unknown=_unknown(endpoint, reply.data, items, shown),
    )


def _items_in(endpoint: Endpoint, data: Any) -> tuple[list[Any], str]:
    """Return the items of a reply, and why the reply as a whole cannot be read; empty if it can."""
    if not endpoint.list_key:
        is_object = isinstance(data, dict)
        return [data], "" if is_object else f"the reply is not an object but {type_name(data)}"
    try:
        items = list_in(endpoint.name, data, endpoint.list_key)
    except MinutResponseError:  # its text has keys of the reply
        return [], f"the reply has no list {endpoint.list_key}"
    return [item for item in items if not (endpoint.is_history and item is None)], ""


def _copy(value: Any, depth: int = 3) -> Any:
    """Return a copy of an item for a reader, which changes items down to the latest values of a device."""
    if not depth or not isinstance(value, dict):
        return value
    return {name: _copy(inner, depth - 1) for name, inner in value.items()}


def _as_object(endpoint: Endpoint, item: Any) -> Any:
    """Return an item as an object; anything else that cannot be read is returned unchanged."""
    if endpoint.is_history and isinstance(item, list) and len(item) == 2:
        return {"datetime": item[0], "value": item[1]}
    return item


def _found(item: Any, belief: Belief) -> list[Any]:
    """Return the values of a field in an item, from the first of its alternatives that has any."""
    for path in belief.alternatives:
        values = list(_values_at(item, path.split(".")))
        if "null" not in belief.kind.believed:
            values = [value for value in values if value is not None]
        if values:
            return values
    return []


def _values_at(value: Any, names: Sequence[str]) -> Iterator[Any]:
    if not names:
        yield value
    elif names[0] == "*":
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for each in inner:
            yield from _values_at(each, names[1:])
    elif isinstance(value, dict) and names[0] in value:
        yield from _values_at(value[names[0]], names[1:])


def _differences_around(endpoint: Endpoint, data: Any) -> Iterator[Difference]:
    if isinstance(data, list):
        source = endpoint.item[0].source
        yield Difference(field="reply", text="list instead of object", source=source)
    elif endpoint.list_key and data:
        yield from _differences(endpoint.around, [data])


def _unexpected_items(endpoint: Endpoint, items: Sequence[Any]) -> Iterator[Difference]:
    types = {type_name(item) for item in items}
    other = sorted(types - {endpoint.item_type})
    if other:
        relation = "among" if endpoint.item_type in types else "instead of"
        text = f"{' and '.join(map(_plural, other))} {relation} {_plural(endpoint.item_type)}"
        yield Difference(field=endpoint.list_key, text=text, source=endpoint.item[0].source)


def _plural(item_type: str) -> str:
    return {"object": "objects", "list": "lists"}.get(item_type, item_type)


def _differences(beliefs: Sequence[Belief], items: Sequence[Any]) -> Iterator[Difference]:
    for belief in beliefs if items else ():
        values = [value for item in items for value in _found(item, belief)]
        if not values and not belief.optional and _could_be_there(belief, beliefs, items):
            yield _difference(belief, "missing", belief.features)
        unexpected = sorted({type_name(value) for value in values} - belief.kind.believed)
        if unexpected:
            text = f"{' or '.join(unexpected)} instead of {_expected(belief)}"
            readable = all(belief.kind.reads(value) for value in values)
            yield _difference(belief, text, () if readable else belief.features)


def _could_be_there(belief: Belief, beliefs: Sequence[Belief], items: Sequence[Any]) -> bool:
    """Return whether a field that is missing is a difference: not if the list or object around it is."""
    first = belief.alternatives[0]
    if not any(first.startswith(f"{other.alternatives[0]}.") for other in beliefs):
        return True
    around = [path.split(".")[:-1] for path in belief.alternatives]
    return any(value is not None for item in items for names in around for value in _values_at(item, names))


def _difference(belief: Belief, text: str, features: tuple[str, ...]) -> Difference:
    return Difference(field=belief.name, text=text, source=belief.source, features=features)


def _expected(belief: Belief) -> str:
    """Return the expected types as text. That a number may be whole, and text a time, goes without saying."""
    names = set(belief.kind.believed)
    for special, general in (("integer", "number"), ("time", "text")):
        if general in names:
            names.discard(special)
    return " or ".join(sorted(names))


def _unknown(
    endpoint: Endpoint, data: Any, items: Sequence[Any], shown: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the names of the fields that the provider does not know."""
    names = {name for item in items for name in _unknown_in(item, _tree(endpoint.item), shown)}
    if endpoint.list_key and data:
        tree = {**_tree(endpoint.around), endpoint.list_key: {}}
        names.update(_unknown_in(data, tree, shown))
    return tuple(sorted(names))


def _tree(beliefs: Sequence[Belief]) -> dict[str, Any]:
    """Return the known fields as nested objects."""
    tree: dict[str, Any] = {}
    for belief in beliefs:
        for path in belief.alternatives:
            inner = tree
            for name in path.split("."):
                inner = inner.setdefault(name, {})
    return tree


def _unknown_in(
    value: Any, tree: Mapping[str, Any], shown: Callable[[str], bool], before: str = ""
) -> Iterator[str]:
    if not tree:
        return
    if isinstance(value, list):
        for each in value if "*" in tree else ():
            yield from _unknown_in(each, tree["*"], shown, f"{before}*.")
    for key, inner in value.items() if isinstance(value, dict) else ():
        name = key if key in tree else "*"
        if name in tree:
            yield from _unknown_in(inner, tree[name], shown, f"{before}{name}.")
        else:
            yield f"{before}{key if shown(key) else OTHER_KEY}"
