"""The pickles inside PyTorch checkpoints, read by an interpreter that can build containers and tensors, nothing else.

Unpickling may call any function there is; this one calls none. It knows the few opcodes that `torch.save` writes for a
state dict (`pickletools` lists them with their meaning) and stops at anything else.
"""

import pickletools
from dataclasses import dataclass
from typing import Any

from inception_jax.readers.contents import WeightsError

MAX_PICKLE = 2**22
"""Most bytes of a pickle; the tensors themselves are stored outside of it."""

MAX_OPERATIONS = 500_000
"""Most operations of a pickle; each array takes about 60."""

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
_GLOBALS = (
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(f"torch.{name}Storage" for name in _STORAGES),
)


@dataclass(frozen=True)
class Global:
    """A name the pickle refers to. Nothing is imported for it."""

    name: str


@dataclass(frozen=True)
class Storage:
    """A run of numbers stored beside the pickle: `kind` is its PyTorch class, `key` its file name."""

    kind: str
    key: str
    size: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def loads(data: bytes | bytearray) -> Any:
    """The object in a pickle: dicts, lists, tuples, text, numbers and `Tensor`s.

    >>> import pickle
    >>> loads(pickle.dumps({"epoch": 3, "names": ["a", "b"]}, protocol=2))
    {'epoch': 3, 'names': ['a', 'b']}

    Raises:
        WeightsError: damaged, or asking for anything that a state dict does not need. Nothing is executed.
    """
    if len(data) > MAX_PICKLE:
        raise WeightsError(f"the pickle has {len(data)} bytes; at most {MAX_PICKLE} are read")
    try:
        return _run(data)
    except WeightsError:
        raise
    # Damaged pickles pop from empty stacks, look up missing memos, use lists as keys, and end early.
    except Exception as error:
        raise WeightsError(f"the pickle is damaged: {type(error).__name__}: {error}") from None


def _run(data: bytes | bytearray) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for count, (opcode, given, _) in enumerate(pickletools.genops(data)):
        argument: Any = given
        if count == MAX_OPERATIONS:
            raise WeightsError(f"the pickle has more than {MAX_OPERATIONS} operations")
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case "MARK":
                stack.append(_MARK)
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "TUPLE":
                stack.append(tuple(_pop_mark(stack)))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "APPEND":
                value = stack.pop()
                _expect(stack[-1], list).append(value)
            case "APPENDS":
                values = _pop_mark(stack)
                _expect(stack[-1], list).extend(values)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _expect(stack[-1], dict)[_key(key)] = value
            case "SETITEMS":
                values = _pop_mark(stack)
                _expect(stack[-1], dict).update(zip(map(_key, values[::2]), values[1::2], strict=True))
            case "GLOBAL":
                stack.append(_global(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                name, module = _expect(stack.pop(), str), _expect(stack.pop(), str)
                stack.append(_global(module, name))
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), _expect(stack.pop(), Global)
                stack.append(_call(function.name, _expect(arguments, tuple)))
            case "BUILD":
                # A state dict's own attributes (version numbers of its modules), which the weights do not need.
                stack.pop()
                _expect(stack[-1], dict)
            case name if name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            case name if name in _LITERALS:
                stack.append(argument)
            case name if name in _TUPLES:
                start = len(stack) - _TUPLES[name]
                stack[start:] = [tuple(stack[start:])]
            case name:
                raise _refused(f"the pickle operation {name}")
    raise WeightsError("the pickle is cut short")


def _pop_mark(stack: list[Any]) -> list[Any]:
    start = next(i for i in reversed(range(len(stack))) if stack[i] is _MARK)
    values = stack[start + 1 :]
    del stack[start:]
    return values


def _global(module: str, name: str) -> Global:
    if f"{module}.{name}" not in _GLOBALS:
        raise _refused(f"{module}.{name}")
    return Global(f"{module}.{name}")


def _storage(identity: Any) -> Storage:
    match identity:
        case ("storage", Global(name=kind), str(key), str(), int(size)) if kind.endswith("Storage"):
            return Storage(kind, key, size)
    raise WeightsError("the pickle refers to something that is not a tensor's storage")


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    match name, arguments:
        case "collections.OrderedDict", ():
            return {}
        case "torch._utils._rebuild_parameter", (Tensor() as tensor, *_):
            return tensor
        case "torch._utils._rebuild_tensor_v2", (Storage() as storage, int(offset), tuple(shape), tuple(strides), *_):
            if all(isinstance(number, int) for number in shape + strides):
                return Tensor(storage, offset, shape, strides)
    raise WeightsError(f"the pickle calls {name} with arguments it does not take")


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise WeightsError(f"the pickle treats a {type(value).__name__} as a {kind.__name__}")
    return value


def _key(value: Any) -> str | int:
    # Of nested tuples that share their parts, a hash would take for ever.
    if not isinstance(value, str | int):
        raise WeightsError(f"the pickle has a {type(value).__name__} for a key; expected text or a number")
    return value


def _refused(what: str) -> WeightsError:
    return WeightsError(
        f"the pickle asks for {what}, which weights do not need; refused, and nothing was executed. "
        "Save the weights alone: torch.save(model.state_dict(), path)"
    )
