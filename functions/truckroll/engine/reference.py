"""Named tuples of many arrays, handed from one compiled function to the next as one address.

numba hands over a tuple member by member, and each array as seven or nine values: a day and a plan
make some three hundred arguments, which every call writes down and every function is compiled for.
A class marked `by_reference` stays a named tuple for whoever writes the code; compiled functions get
the address of its members, which the call from Python has written down once.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

T = TypeVar("T", bound=type[NamedTuple])


def by_reference(kind: T) -> T:
    """Make a class of named tuples one that compiled functions take by its address."""

    @typeof_impl.register(kind)
    def typeof(members: Any, context: Any) -> Reference:
        kinds = [typeof_impl(member, context) for member in members]
        return Reference(types.BaseTuple.from_types(kinds, kind))

    return kind


class Reference(types.Type):
    """The type of the address of a named tuple's members."""

    def __init__(self, members: Any) -> None:
        self.members = members
        super().__init__(f"Reference({members})")

    @property
    def key(self) -> Any:
        """What tells one such type from another."""
        return self.members


@register_model(Reference)
class _Address(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Reference) -> None:
        members = manager.lookup(kind.members).get_value_type()
        super().__init__(manager, kind, members.as_pointer())


@infer_getattr
class _Members(AttributeTemplate):
    key = Reference

    def resolve(self, value: Any, attr: str) -> Any:
        fields = value.members.fields
        return value.members.types[fields.index(attr)] if attr in fields else None


@lower_getattr_generic(Reference)
def _member(context: Any, builder: Any, kind: Reference, address: Any, name: str) -> Any:
    number = kind.members.fields.index(name)
    value = _unchanging(builder, cgutils.gep_inbounds(builder, address, 0, number))
    return impl_ret_borrowed(context, builder, kind.members.types[number], value)


def _unchanging(builder: Any, address: Any) -> Any:
    """Load what is never written again, part by part, so that loops need not load it at each turn."""
    kind = address.type.pointee
    if isinstance(kind, ir.Aggregate):
        value = ir.Constant(kind, ir.Undefined)
        for number in range(len(kind)):
            part = _unchanging(builder, cgutils.gep_inbounds(builder, address, 0, number))
            value = builder.insert_value(value, part, number)
        return value
    value = builder.load(address)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


@unbox(Reference)
def _written_down(kind: Reference, named_tuple: Any, c: Any) -> NativeValue:
    members = c.unbox(kind.members, named_tuple)
    address = cgutils.alloca_once_value(c.builder, members.value)
    # An empty instruction between writing and reading: no load, unchanging or not, may go before it.
    fence = ir.InlineAsm(
        ir.FunctionType(address.type, [address.type]), "", "=r,0,~{memory}", side_effect=True
    )
    return NativeValue(c.builder.call(fence, [address]), is_error=members.is_error, cleanup=members.cleanup)
