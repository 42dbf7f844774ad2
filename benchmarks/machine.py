"""What every benchmark says about the machine that it runs on."""
import platform
from importlib.util import find_spec
from pathlib import Path


def processor():
    "The processor's name and how many cores this process may use, such as 'AMD EPYC, 2 cores'"
    from fashion_tagger.photos import cpu_count  # here, so that a process that is timed does not import it first
    name = platform.processor() or platform.machine()
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    for line in lines:
        if line.startswith('model name'):
            name = line.partition(':')[2].strip()
            break
    cores = cpu_count()
    return f"{name}, {cores} core{'s' if cores > 1 else ''}"


def engines():
    "The (backend, precision) pairs of the engines that are installed"
    found = [('torch', None)]
    if find_spec('onnxruntime'): found += [('onnx', None)]
    if find_spec('openvino'): found += [('openvino', 'f32'), ('openvino', 'bf16')]
    return found
