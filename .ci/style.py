"""How calm the code is: wide lines, nested statements, long functions, and public names that are shown and named.

    python .ci/style.py [--check] [ROOT]

ROOT is another checkout to measure, to compare with. --check fails where the shares are over the limits that
CONTRIBUTING.md states."""
import argparse, ast, json, re, sys
from pathlib import Path

here = Path(__file__).resolve().parents[1]
NESTING = ast.IfExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda
LIMITS = {"lines over 120 columns": 0.01, "statements with 3 or more": 0.005}
SHOWN_AT_LEAST = 0.8


def constructs(node):
    "How many ternaries, comprehensions and lambdas an expression holds"
    inner = [constructs(child) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
    return sum(inner) + isinstance(node, NESTING)


def statement_constructs(statement):
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)): return 0
    return sum(constructs(child) for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt))


def modules(root):
    return [f for f in sorted((root/"fashion_tagger").glob("*.py")) if f.name not in ("_modidx.py", "__init__.py", "all.py")]


def public_names(source):
    found = re.search(r"^__all__ = \[(.*?)\]", source, re.M | re.S)
    return re.findall(r"'(\w+)'", found[1]) if found else []


def code_figures(root):
    lines, wide, statements, deep, long_functions = 0, {100: 0, 120: 0, 140: 0}, 0, 0, 0
    for file in modules(root):
        source = file.read_text(encoding="utf-8")
        for line in source.splitlines():
            lines += 1
            for width in wide: wide[width] += len(line) > width
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.stmt): continue
            statements += 1
            deep += statement_constructs(node) >= 3
            if isinstance(node, ast.FunctionDef): long_functions += node.end_lineno - node.body[0].lineno + 1 > 40
    figures = {"lines": lines} | {f"lines over {width} columns": n/lines for width, n in wide.items()}
    return figures | {"statements": statements, "statements with 3 or more": deep/statements,
                      "functions over 40 lines": long_functions}


def defines(cell, name):
    return re.search(rf"^(?:class {name}\b|def {name}\(|(?:\w+, )*{name}(?:, \w+)* ?(?::[^=\n]+)?=)", cell, re.M)


def name_figures(root):
    "Of all public names, those run within three cells of their definition, and those in backticks in a sentence"
    total, shown, named, not_shown, not_named = 0, 0, 0, [], []
    for file in sorted((root/"nbs").glob("*.ipynb")):
        cells = [(c["cell_type"], "".join(c["source"])) for c in json.loads(file.read_text(encoding="utf-8"))["cells"]]
        module = next((m[1] for kind, s in cells if (m := re.search(r"^#\| default_exp (\w+)", s, re.M))), None)
        if not module: continue
        prose = "\n".join(s for kind, s in cells if kind == "markdown")
        exported = [kind == "code" and re.search(r"^#\| export", s, re.M) is not None for kind, s in cells]
        for name in public_names((root/"fashion_tagger"/f"{module}.py").read_text(encoding="utf-8")):
            total += 1
            at = next((i for i, (_, s) in enumerate(cells) if exported[i] and defines(s, name)), None)
            after = range(at + 1, min(at + 4, len(cells))) if at is not None else ()
            runs = any(cells[i][0] == "code" and not exported[i] and re.search(rf"\b{name}\b", cells[i][1]) for i in after)
            says = re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", prose) is not None
            shown, named = shown + runs, named + says
            if not runs: not_shown.append(f"{module}.{name}")
            if not says: not_named.append(f"{module}.{name}")
    figures = {"public names": total, "run within three cells": shown/total, "named in prose": named/total}
    return figures, not_shown, not_named


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("root", nargs="?", type=Path, default=here)
    args.add_argument("--check", action="store_true")
    args.add_argument("--names", action="store_true", help="list the names that are not shown or not named")
    args = args.parse_args()
    names, not_shown, not_named = name_figures(args.root)
    figures = code_figures(args.root) | names
    for what, figure in figures.items(): print(f"{what:28} {figure:.1%}" if isinstance(figure, float) else f"{what:28} {figure:,}")
    if args.names: print("not run within three cells:", *not_shown, "\nnot named in prose:", *not_named)
    if not args.check: return
    over = [what for what, limit in LIMITS.items() if figures[what] > limit]
    if names["run within three cells"] < SHOWN_AT_LEAST: over.append("run within three cells")
    if over: sys.exit(f"over the limits: {', '.join(over)}")


if __name__ == "__main__": main()
