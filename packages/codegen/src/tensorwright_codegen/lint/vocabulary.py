"""Names that C++ gives a meaning which the checks have to know."""

from __future__ import annotations

# Their result is bounded whatever they are given, or they refuse it.
BOUNDING = frozenset({"normalized_dim", "normalize_dim", "clamp", "within"})
# Their result is as free as what they are given.
PASSING = frozenset(
    {"move", "forward", "value_or", "vec", "abs", "value", "front", "back", "at", "get", "IntList", "Sizes", "vector",
     "optional", "array", "exchange", "ref", "span", "int64_t", "int", "size_t"}
)  # fmt: skip
CASTS = frozenset({"static_cast", "narrow_cast", "saturate_cast"})
GROWING = frozenset({"push_back", "emplace_back", "insert", "assign", "emplace", "resize", "fill"})
# What a caller's objects hold: `batch.get<int64_t>(1)`, `From<IntList>::get(value)`, numbers of Python.
READING = frozenset({"get", "From::get", "plain"})
FOREIGN = frozenset(
    {"PyLong_AsLongLong", "PyLong_AsLong", "PyLong_AsSsize_t", "PyNumber_AsSsize_t", "PyLong_AsLongLongAndOverflow",
     "PyFloat_AsDouble", "PyLong_AsInt64"}
)  # fmt: skip
FILLING = frozenset({"PySlice_Unpack", "PyArg_ParseTuple", "PyArg_ParseTupleAndKeywords"})  # through `&variable`
ADJUSTING = frozenset({"PySlice_AdjustIndices"})  # cuts `&variable` to what is there
# Variables of these types cannot overflow, or are no sizes.
WIDE = frozenset({"__int128", "double", "float", "bool", "T", "uint64_t", "size_t", "uint32_t", "uint8_t", "char"})
