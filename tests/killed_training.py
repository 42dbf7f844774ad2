"""Training killed (SIGKILL) at random moments and resumed each time: does it end with the weights of a training that was left alone?

    python tests/killed_training.py [--kills 20] [--photos 600] [--epochs N] [--freeze-epochs N] [--seed N]"""
import argparse, os, random, subprocess, sys, tempfile, time
from pathlib import Path

COMMAND = [sys.executable, "-c", "from fashion_tagger.cli import main; main()", "train"]


def start(folder, out, args, *more):
    return subprocess.Popen([*COMMAND, f"{folder}/labels.csv", "--images", "/", "--attributes", "type,colour", "--size", "64x64", "--bs", "32", "--out", out, "--epochs", str(args.epochs), "--freeze-epochs", str(args.freeze_epochs), *more],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


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


def killed_and_resumed(folder, args):
    "Yields what happened, a line at a time; raises AssertionError where the weights differ"
    from fashion_tagger.samples import sample_wardrobe
    folder = Path(folder)
    sample_wardrobe(folder/"clothes", n=args.photos, seed=args.seed).table[["image", "type", "colour", "split"]].to_csv(folder/"labels.csv", index=False)
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
            yield f"killed: {len(list((folder/'parts').glob('checkpoints/*.checkpoint')))} checkpoints, the last {max((f.name for f in (folder/'parts').glob('checkpoints/*.checkpoint')), default='none')}"
            continue
        said = child.communicate()[0]
        assert child.returncode == 0, said[-2000:]
        yield f"it ended by itself, as whole as the other: {differences(folder/'whole', folder/'parts'):.2g}; once more from the start"
        assert differences(folder/"whole", folder/"parts") < 1e-6
        for f in sorted((folder/"parts").rglob("*"), reverse=True): f.rmdir() if f.is_dir() else f.unlink()
    ended(start(folder, folder/"parts", args, "--resume"))
    apart = differences(folder/"whole", folder/"parts")
    yield f"after {kills} kills the weights differ by {apart:.2g} at most"
    assert apart < 1e-6, apart
    assert not (folder/"parts/checkpoints").exists()


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kills", type=int, default=20); p.add_argument("--photos", type=int, default=600); p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=2); p.add_argument("--freeze-epochs", type=int, default=30)
    return p


def main():
    args = parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FASHION_TAGGER_CACHE"] = f"{folder}/cache"
        for line in killed_and_resumed(folder, args): print(line, flush=True)


if __name__ == "__main__": main()
