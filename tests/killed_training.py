"""Training killed (SIGKILL) at random moments and resumed each time ends with the weights of one that was left alone

    python tests/killed_training.py [--kills 20] [--photos 600] [--epochs N] [--freeze-epochs N] [--seed N]"""
import argparse, os, random, subprocess, sys, tempfile, time
from pathlib import Path

COMMAND = [sys.executable, "-c", "from fashion_tagger.cli import main; main()", "train"]


def start(folder, out, args, *more):
    options = "--images / --attributes type,colour --size 64x64 --bs 32".split()
    epochs = ["--epochs", str(args.epochs), "--freeze-epochs", str(args.freeze_epochs)]
    command = [*COMMAND, f"{folder}/labels.csv", *options, *epochs, "--out", out, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(child):
    said = child.communicate()[0]
    assert child.returncode == 0, said[-2000:]
    return said


def differences(a, b):
    "The largest difference of any weight of two bundles"
    from safetensors.numpy import load_file
    one, other = (load_file(Path(p)/"model.safetensors") for p in (a, b))
    assert one.keys() == other.keys()
    return max(float(abs(one[k].astype("float64") - other[k]).max()) for k in one)


def checkpoints(folder): return sorted(f.name for f in folder.glob("checkpoints/*.checkpoint"))


def empty(folder):
    for f in sorted(folder.rglob("*"), reverse=True):
        if f.is_dir(): f.rmdir()
        else: f.unlink()


def killed_and_resumed(folder, args):
    "Yields what happened, a line at a time; raises AssertionError if the weights differ"
    from fashion_tagger.samples import sample_wardrobe
    folder = Path(folder)
    table = sample_wardrobe(folder/"clothes", n=args.photos, seed=args.seed).table
    table[["image", "type", "colour", "split"]].to_csv(folder/"labels.csv", index=False)
    rng, began = random.Random(args.seed), time.perf_counter()
    ended(start(folder, folder/"whole", args))
    whole = time.perf_counter() - began
    yield f"left alone: {whole:.1f} s"
    kills = 0
    while kills < args.kills:
        child = start(folder, folder/"parts", args, "--resume")
        try: child.wait(whole*rng.uniform(0.3, 1.0))
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            kills += 1
            names = checkpoints(folder/"parts")
            yield f"killed: {len(names)} checkpoints, the last {max(names, default='none')}"
            continue
        said = child.communicate()[0]
        assert child.returncode == 0, said[-2000:]
        apart = differences(folder/"whole", folder/"parts")
        yield f"it ended before it could be killed, and the weights differ by {apart:.2g}; once more from the start"
        assert apart < 1e-6
        empty(folder/"parts")
    ended(start(folder, folder/"parts", args, "--resume"))
    apart = differences(folder/"whole", folder/"parts")
    yield f"after {kills} kills the weights differ by {apart:.2g} at most"
    assert apart < 1e-6, apart
    assert not (folder/"parts/checkpoints").exists()


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"--kills": 20, "--photos": 600, "--seed": 0, "--epochs": 2, "--freeze-epochs": 30}
    for option, default in defaults.items(): p.add_argument(option, type=int, default=default)
    return p


def main():
    args = parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FASHION_TAGGER_CACHE"] = f"{folder}/cache"
        for line in killed_and_resumed(folder, args): print(line, flush=True)


if __name__ == "__main__": main()
