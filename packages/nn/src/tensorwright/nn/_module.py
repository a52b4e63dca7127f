"""The base of all layers: a tree of modules that own parameters and buffers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.utils.hooks import RemovableHandle, register

from . import _hooks, _state
from ._calls import HookedCalls
from ._hooks import Hook
from ._parameter import Buffer, Parameter
from ._signatures import P, R
from ._state import IncompatibleKeys
from ._uninitialized import is_uninitialized

Self = TypeVar("Self", bound="Module")
Member = TypeVar("Member")


class Module(HookedCalls[P, R]):
    """A layer, or a network made of layers.

    Subclasses assign parameters, buffers and child modules as attributes in ``__init__`` (after
    ``super().__init__()``) and compute in ``forward``. For type checkers ``model(x)`` gives what ``forward`` is
    annotated with; a module that is only known by what it takes and gives is a ``Module[[Tensor], Tensor]``.

    Example:
        >>> class Scale(Module):
        ...     def __init__(self, n: int) -> None:
        ...         super().__init__()
        ...         self.factor = Parameter(tw.full((n,), 2.0))
        ...     def forward(self, x: Tensor) -> Tensor:
        ...         return x * self.factor
        >>> Scale(2)(tw.tensor([1.0, 3.0])).tolist()
        [2.0, 6.0]
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        put = super().__setattr__  # our own __setattr__ needs these dicts to exist
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_non_persistent_buffers", set())
        put("_modules", {})
        put("_forward_hooks", {})
        put("_forward_pre_hooks", {})
        put("_backward_hooks", {})
        put("_backward_pre_hooks", {})
        put("_state_dict_hooks", {})
        put("_state_dict_pre_hooks", {})
        put("_load_state_dict_pre_hooks", {})
        put("_load_state_dict_post_hooks", {})

    _non_persistent_buffers: set[str]
    _state_dict_hooks: dict[int, Hook]
    _state_dict_pre_hooks: dict[int, Hook]
    _load_state_dict_pre_hooks: dict[int, Hook]
    _load_state_dict_post_hooks: dict[int, Hook]

    def _call_failed(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> None:
        """Let the exception that a call has raised say where in the model it was."""
        from ._places import note  # nothing of it is needed until something fails

        note(error, self, args, kwargs or {})

    # ---- attributes --------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        registries = self.__dict__.get("_parameters"), self.__dict__.get("_buffers"), self.__dict__.get("_modules")
        parameters, buffers, modules = registries
        if parameters is None or buffers is None or modules is None:
            if isinstance(value, (Parameter, Module)):
                raise AttributeError(
                    f"{type(self).__name__}.{name}: call super().__init__() before assigning parameters or modules"
                )
            super().__setattr__(name, value)
        elif isinstance(value, Parameter):
            self._forget(name, kept=parameters)
            parameters[name] = _hooks.registered("parameter", self, name, value)
        elif isinstance(value, Module):
            self._forget(name, kept=modules)
            modules[name] = _hooks.registered("module", self, name, value)
        elif isinstance(value, Buffer):
            self._forget(name, kept=buffers)
            buffers[name] = _hooks.registered("buffer", self, name, value)
            if not value.persistent:
                self._non_persistent_buffers.add(name)
        elif name in parameters or name in modules or name in buffers:
            self._replace_registered(name, value)
        else:
            super().__setattr__(name, value)

    def _replace_registered(self, name: str, value: Any) -> None:
        if name in self._buffers and (value is None or isinstance(value, Tensor)):
            self._buffers[name] = _hooks.registered("buffer", self, name, value)
        elif value is None and name in self._parameters:
            self._parameters[name] = None
        elif value is None:
            self._modules[name] = _hooks.registered("module", self, name, None)
        else:
            kind = "buffer" if name in self._buffers else "parameter" if name in self._parameters else "module"
            raise TypeError(
                f"{type(self).__name__}.{name} is a registered {kind} and cannot be replaced by "
                f"{type(value).__name__}; assign a {'Tensor' if kind == 'buffer' else kind.capitalize()} or None"
            )

    def _forget(self, name: str, kept: Mapping[str, Any] | None = None) -> None:
        """Drop a name from all registries but `kept`, where a replaced member keeps its place in the order."""
        for registry in (self.__dict__, self._parameters, self._buffers, self._modules):
            if registry is not kept:
                registry.pop(name, None)
        self._non_persistent_buffers.discard(name)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            members = self.__dict__.get(registry)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        if name in self._parameters or name in self._buffers or name in self._modules:
            self._forget(name)
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter by name; None keeps the name for one that is absent."""
        self._check_new_name(name, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"register_parameter: {name} must be a Parameter or None, got {type(param).__name__}")
        self._parameters[name] = None if param is None else _hooks.registered("parameter", self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; ``persistent`` ones are part of the state_dict."""
        self._check_new_name(name, "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name} must be a Tensor or None, got {type(tensor).__name__}")
        self._buffers[name] = _hooks.registered("buffer", self, name, tensor)
        if not persistent:
            self._non_persistent_buffers.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module by name."""
        self._check_new_name(name, "module")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"add_module: {name} must be a Module or None, got {type(module).__name__}")
        self._modules[name] = _hooks.registered("module", self, name, module)

    register_module = add_module

    def _check_new_name(self, name: str, kind: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before registering a {kind}")
        if not isinstance(name, str) or name == "" or "." in name:
            raise KeyError(f"{kind} name must be a non-empty string without dots, got {name!r}")
        if hasattr(self, name) and name not in self._members_of(kind):
            raise KeyError(f"{type(self).__name__} already has an attribute {name!r}")

    def _members_of(self, kind: str) -> Mapping[str, object]:
        registries: dict[str, Mapping[str, object]] = {
            "parameter": self._parameters,
            "buffer": self._buffers,
            "module": self._modules,
        }
        return registries[kind]

    # ---- traversal ---------------------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, each with its dotted name; parents come first."""
        seen = set() if memo is None else memo
        if remove_duplicate and self in seen:
            return
        seen.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(seen, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def _named_members(
        self, members: Callable[[Module], Mapping[str, Member | None]], prefix: str, recurse: bool, unique: bool
    ) -> Iterator[tuple[str, Member]]:
        seen: set[int] = set()
        owners = self.named_modules(prefix=prefix, remove_duplicate=unique) if recurse else iter([(prefix, self)])
        for path, owner in owners:
            for name, member in members(owner).items():
                if member is None or (unique and id(member) in seen):
                    continue
                seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their dotted names; one shared by two modules comes once."""
        return self._named_members(lambda m: m._parameters, prefix, recurse, remove_duplicate)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Buffers with their dotted names."""
        return self._named_members(lambda m: m._buffers, prefix, recurse, remove_duplicate)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Direct child modules with their names."""
        seen: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Parameters, as an optimizer takes them."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Buffers of this module and those below it."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator[Module]:
        """Direct child modules."""
        return (child for _, child in self.named_children())

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path, e.g. ``"encoder.layers.0"``."""
        module: Module = self
        for name in target.split(".") if target else []:
            child = module._modules.get(name)
            if child is None:
                raise AttributeError(f"get_submodule: {type(module).__name__} has no module {name!r} (path {target!r})")
            module = child
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path; with ``strict`` only in the place of another."""
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and parent._modules.get(name) is None:
            raise AttributeError(f"set_submodule: {type(parent).__name__} has no module {name!r} (path {target!r})")
        if not isinstance(module, Module):
            raise TypeError(f"set_submodule: expected a Module, got {type(module).__name__}")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path, e.g. ``"encoder.0.weight"``."""
        path, _, name = target.rpartition(".")
        parameter = self.get_submodule(path)._parameters.get(name)
        if parameter is None:
            raise AttributeError(f"get_parameter: no parameter {name!r} (path {target!r})")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        buffer = self.get_submodule(path)._buffers.get(name)
        if buffer is None:
            raise AttributeError(f"get_buffer: no buffer {name!r} (path {target!r})")
        return buffer

    # ---- modes and conversion ----------------------------------------------------------------------------

    def apply(self: Self, fn: Callable[[Module], object]) -> Self:
        """Call ``fn`` on every module, children before their parents."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Switch all modules to training (dropout drops, batch norm uses the batch) or, if False, evaluation."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be a bool, got {type(mode).__name__}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Switch all modules to evaluation."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` of every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget (or, if not ``set_to_none``, fill with zeros) the gradient of every parameter."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = tw.zeros_like(parameter.grad)

    def _convert(self: Self, convert: Callable[[Tensor], Tensor]) -> Self:
        for module in self.modules():
            module._convert_members(convert)
        return self

    def _convert_members(self, convert: Callable[[Tensor], Tensor]) -> None:
        for parameter in self._parameters.values():
            if parameter is not None:
                parameter.data = convert(parameter.data)
                if parameter.requires_grad and parameter.grad is not None:
                    parameter.grad = convert(parameter.grad)
        for name, buffer in self._buffers.items():
            if buffer is not None and is_uninitialized(buffer):
                buffer.data = convert(buffer.data)
            elif buffer is not None:
                self._buffers[name] = convert(buffer)

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device and/or convert floating-point members to a dtype, in place.

        Takes what ``Tensor.to`` takes. Integer buffers change device only.
        """
        target = tw.empty(0).to(*args, **kwargs)
        if not (target.is_floating_point() or target.is_complex()):
            raise TypeError(f"Module.to: dtype must be floating point or complex, got {target.dtype}")
        dtype_given = "dtype" in kwargs or any(isinstance(a, (tw.dtype, Tensor)) for a in args)

        def convert(t: Tensor) -> Tensor:
            if dtype_given and (t.is_floating_point() or t.is_complex()):
                return t.to(device=target.device, dtype=target.dtype)
            return t.to(device=target.device)

        return self._convert(convert)

    def type(self: Self, dst_type: tw.dtype) -> Self:
        """Convert every parameter and buffer to ``dst_type``."""
        return self._convert(lambda t: t.to(dtype=dst_type))

    def _to_floating(self: Self, dtype: tw.dtype) -> Self:
        return self._convert(lambda t: t.to(dtype=dtype) if t.is_floating_point() else t)

    def float(self: Self) -> Self:
        """Convert floating-point members to float32."""
        return self._to_floating(tw.float32)

    def double(self: Self) -> Self:
        """Convert floating-point members to float64."""
        return self._to_floating(tw.float64)

    def half(self: Self) -> Self:
        """Convert floating-point members to float16."""
        return self._to_floating(tw.float16)

    def bfloat16(self: Self) -> Self:
        """Convert floating-point members to bfloat16."""
        return self._to_floating(tw.bfloat16)

    def cpu(self: Self) -> Self:
        """Move every member to the CPU."""
        return self._convert(lambda t: t.to(device="cpu"))

    def to_empty(self: Self, *, device: tw.device | str | None, recurse: bool = True) -> Self:
        """Give every member memory on a device, with nothing in it: for modules that were made on ``meta``."""
        members = self.modules() if recurse else iter([self])
        for module in members:
            module._convert_members(lambda t: tw.empty_like(t, device=device))
        return self

    def share_memory(self: Self) -> Self:
        """Move every member to memory that processes forked later share."""
        return self._convert(lambda t: t.share_memory_())

    # ---- state -------------------------------------------------------------------------------------------

    def state_dict(
        self, *, destination: OrderedDict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """Parameters and persistent buffers by dotted name, detached unless ``keep_vars``; they share memory."""
        state: OrderedDict[str, Any] = OrderedDict() if destination is None else destination
        _state.collect(self, state, prefix, keep_vars)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors of ``state_dict`` into this module; nothing is changed if anything does not fit.

        Args:
            state_dict: tensors by dotted name.
            strict: refuse missing and unexpected names; otherwise they are returned.
            assign: take over the given tensors instead of copying their values.

        Raises:
            RuntimeError: lists every missing and unexpected name and every shape that differs.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: expected a mapping of names to tensors, got {type(state_dict).__name__}")
        return _state.restore(self, state_dict, strict, assign)

    def _state_loaded(self) -> None:
        """Runs after a state was loaded into this module."""

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` after this module's state is collected."""
        return register(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(module, prefix, keep_vars)`` before this module's state is collected."""
        return register(self._state_dict_pre_hooks, hook)

    def get_extra_state(self) -> Any:
        """What the state has beside tensors, as ``_extra_state``; a subclass defines it and ``set_extra_state``."""
        raise NotImplementedError(f"{type(self).__name__} has no extra state")

    def set_extra_state(self, state: Any) -> None:
        """Take over what ``get_extra_state`` gave."""
        raise NotImplementedError(f"{type(self).__name__} has extra state but no set_extra_state()")

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Run a hook on a copy of the state before it is loaded, which the hook may change.

        It is called as ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)``; what it adds to the three lists is reported with what is found.
        """
        return register(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(module, incompatible_keys)`` after a state was loaded."""
        return register(self._load_state_dict_post_hooks, hook)

    # ---- text --------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What ``repr`` shows between the parentheses, before the children."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def _child_texts(self) -> Iterable[tuple[str, str]]:
        """How each child is shown, with its name."""
        return [(name, repr(child)) for name, child in self._modules.items()]

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): " + text.replace("\n", "\n  ") for name, text in self._child_texts()]
        lines = extra + children
        if not lines:
            return self._get_name() + "()"
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        return self._get_name() + "(\n  " + "\n  ".join(lines) + "\n)"
