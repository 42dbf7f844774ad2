"""A CUDA device that is not there, for machines without one.

Tensors stay in ordinary memory, but each storage claims to be on a device. Where PyTorch would refuse to mix devices,
this raises the same error at the same line. Convolutions round to TF32 where cuDNN would. Other values, gradients and
time are the processor's; what only a kernel does wrong is not found."""
import os
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from unittest.mock import Mock, patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

CUDA = torch.device("cuda", 0)
HAS_FLOAT64 = True  # Apple's GPU has not
MOVES = {Tensor.to, Tensor.cuda, Tensor.cpu}
GETTERS = {Tensor.device.__get__: "device", Tensor.is_cuda.__get__: "is_cuda", Tensor.is_cpu.__get__: "is_cpu"}
INDEXING = {Tensor.__getitem__, Tensor.__setitem__, Tensor.index_put_, torch.index_put}
INTO_THE_FIRST = {Tensor.copy_, Tensor.data.__set__, Tensor.grad.__set__, Tensor.set_, Tensor.type_as}
CONVOLUTIONS = {torch.conv1d, torch.conv2d}
READS = {"item", "tolist", "__bool__", "__float__", "__int__", "__index__"}


def storage_of(t):
    try: return t.untyped_storage()
    except (RuntimeError, NotImplementedError): return None


def claim_of(t):
    "The device that a tensor claims to be on; None is the processor"
    with torch._C.DisableTorchFunction(): return getattr(storage_of(t), "claim", None)


def claim(t, device):
    if device and t.dtype == torch.float64 and not HAS_FLOAT64: raise TypeError("the device has no float64")
    with torch._C.DisableTorchFunction():
        storage = storage_of(t)
        if storage is not None: storage.claim = device
    return t


def tensors_in(o):
    if isinstance(o, Tensor): yield o
    elif isinstance(o, Mapping):
        for x in o.values(): yield from tensors_in(x)
    elif isinstance(o, (tuple, list)):
        for x in o: yield from tensors_in(x)


def pretended(device):
    "CUDA for whatever names it, None for the processor"
    if isinstance(device, int): return CUDA
    return CUDA if torch.device(device).type == "cuda" else None


def rounded(x):
    "32-bit numbers with the 10 bits of mantissa that TF32 has"
    return (x.contiguous().view(torch.int32) + 0x1000 & ~0x1fff).view(torch.float32)


def multiplies_in_tf32(x):
    "Whether cuDNN would round what it multiplies; here only where nothing is differentiated or traced"
    if torch.is_grad_enabled() or torch._C._get_tracing_state() or torch.is_autocast_enabled("cpu"): return False
    return x.dtype == torch.float32 and torch.backends.cudnn.conv.fp32_precision == "tf32"


class PretendedCuda(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if func in GETTERS: return self.getter(func, GETTERS[func], args)
        if func is Tensor.grad.__get__: return self.gradient(func, args)
        if func in MOVES: return self.move(func, args, kwargs)
        if func in (Tensor.numpy, Tensor.__array__) and claim_of(args[0]):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
        if func is Tensor.pin_memory:
            if claim_of(args[0]): raise RuntimeError("cannot pin a tensor on cuda:0: only CPU tensors can be pinned")
            return args[0]
        if name == "_has_compatible_shallow_copy_type": return True
        if name == "_parse_to": return func(*args, **kwargs)  # by which a DataLoader keeps its device
        where, named = None, kwargs.get("device") is not None
        if named:
            where = pretended(kwargs["device"])
            if where: kwargs["device"] = "cpu"
        if func in (torch.as_tensor, torch.tensor): return self.make(func, args, kwargs, where, named)
        inputs = list(tensors_in((args, kwargs)))
        if not named: where = self.common_device(func, name, args, inputs)
        if where and func in CONVOLUTIONS and multiplies_in_tf32(args[0]): args = *map(rounded, args[:2]), *args[2:]
        out = func(*args, **kwargs)
        if where and name not in READS:
            for t in tensors_in(out):
                if claim_of(t) is None: claim(t, where)
        return out

    def getter(self, func, what, args):
        device = claim_of(args[0])
        if what == "device": return device or func(*args)
        return (what == "is_cuda") if device else func(*args)

    def gradient(self, func, args):
        grad = func(*args)
        if grad is not None: claim(grad, claim_of(args[0]))
        return grad

    def make(self, func, args, kwargs, where, named):
        source = next((claim_of(t) for t in tensors_in(args)), None)
        out = func(*args, **kwargs)
        device = where if named else source
        if device != source: out = out.clone()
        return claim(out, device) if device else out

    def move(self, func, args, kwargs):
        x, rest, was = args[0], list(args[1:]), claim_of(args[0])
        device = {Tensor.cuda: CUDA, Tensor.cpu: None}.get(func, was)
        if func is Tensor.to:
            kwargs.pop("non_blocking", None)
            if kwargs.get("device") is not None: device = pretended(kwargs.pop("device"))
            kwargs.pop("device", None)
            if rest and isinstance(rest[0], Tensor): device, rest[0] = claim_of(rest[0]), rest[0].dtype
            elif rest and isinstance(rest[0], (str, int, torch.device)): device = pretended(rest.pop(0))
            elif rest and rest[0] is None: rest.pop(0)
            rest = [o for o in rest if not isinstance(o, bool)]
        out = Tensor.to(x, *rest, **kwargs) if func is Tensor.to and (rest or kwargs) else x
        if device != was and storage_of(out) is not None and out.data_ptr() == x.data_ptr(): out = out.clone()
        return claim(out, device) if device != was or device else out

    def common_device(self, func, name, args, inputs):
        devices = {claim_of(t) for t in inputs}
        if len(devices) < 2: return next(iter(devices), None)
        if func in INDEXING:
            if claim_of(args[0]): return CUDA
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        if func in INTO_THE_FIRST or name == "load_state_dict": return claim_of(args[0])
        if all(t.ndim == 0 for t in inputs if not claim_of(t)): return CUDA
        where = ", ".join(f"{claim_of(t) or 'cpu'}{tuple(t.shape)}" for t in inputs)
        raise RuntimeError(f"Expected all tensors to be on the same device, but found at least two ({name}: {where})")


def loaded_to(load):
    "`torch.load` that takes CUDA as a `map_location`"
    def loaded(f, map_location=None, **kwargs):
        device = pretended(map_location) if isinstance(map_location, (str, int, torch.device)) else None
        state = load(f, map_location="cpu" if device else map_location, **kwargs)
        if device:
            for t in tensors_in(state): claim(t, device)
        return state
    return loaded


def as_processor(cls):
    "Make autocast or a gradient scaler work on the processor when it is asked for CUDA"
    original = cls.__init__
    def init(self, device="cuda", *args, **kwargs):
        if "device_type" in kwargs: device = kwargs.pop("device_type")
        original(self, "cpu" if str(device).startswith("cuda") else device, *args, **kwargs)
    return patch.object(cls, "__init__", init)


@contextmanager
def pretended_cuda():
    "A context with one CUDA device that is not there"
    answers = dict(is_available=True, is_initialized=True, is_bf16_supported=True, current_device=0, device_count=1,
                   get_rng_state_all=[], set_rng_state_all=None, get_rng_state=torch.get_rng_state(),
                   set_rng_state=None, synchronize=None, empty_cache=None, set_device=None,
                   manual_seed=None, manual_seed_all=None)
    cuda = {name: Mock(return_value=answer) for name, answer in answers.items()}
    exists = os.path.exists
    with ExitStack() as stack:
        stack.enter_context(patch.multiple(torch.cuda, **cuda))
        stack.enter_context(patch.multiple(torch.accelerator, is_available=lambda: True,
                                           current_accelerator=lambda *a, **k: torch.device("cuda")))
        stack.enter_context(patch.object(torch, "load", loaded_to(torch.load)))
        stack.enter_context(patch.object(torch.Tensor, "is_pinned", lambda *a, **k: False))
        stack.enter_context(as_processor(torch.amp.autocast_mode.autocast))
        stack.enter_context(as_processor(torch.amp.grad_scaler.GradScaler))
        for check in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
            if hasattr(torch.optim.Optimizer, check):
                stack.enter_context(patch.object(torch.optim.Optimizer, check, lambda self: None))
        stack.enter_context(patch("os.path.exists", lambda p: p == "/dev/nvidiactl" or exists(p)))
        yield stack.enter_context(PretendedCuda())
