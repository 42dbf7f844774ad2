"""Measure how easy the code is to read: wide lines, nested statements, long functions, and undemonstrated names.

    python .ci/style.py [--check] [--names] [ROOT]

ROOT is another checkout to measure, for comparison. --check fails if a share exceeds the limits in CONTRIBUTING.md."""
import argparse, ast, json, re, sys
from pathlib import Path
from typing import NamedTuple

here = Path(__file__).resolve().parents[1]
NESTING = ast.IfExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda
LIMITS = {"lines over 120 columns": 0.01, "statements with 3 or more": 0.005}
SHOWN_AT_LEAST = 0.8


def constructs(node):
    "The number of ternaries, comprehensions and lambdas in an expression"
    inner = [constructs(child) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
    return sum(inner) + isinstance(node, NESTING)


def statement_constructs(statement):
    "The same of a statement, without the statements in its body"
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)): return 0
    return sum(constructs(child) for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt))


def modules(root):
    generated = "_modidx.py", "__init__.py", "all.py"
    return [f for f in sorted((root/"fashion_tagger").glob("*.py")) if f.name not in generated]


def public_names(source):
    found = re.search(r"^__all__ = \[(.*?)\]", source, re.M | re.S)
    return re.findall(r"'(\w+)'", found[1]) if found else []


def body_length(function): return function.end_lineno - function.body[0].lineno + 1


def code_figures(root):
    wide, lines, statements, deep, long_functions = {100: 0, 120: 0, 140: 0}, 0, 0, 0, 0
    for file in modules(root):
        source = file.read_text(encoding="utf-8")
        for line in source.splitlines():
            lines += 1
            for width in wide: wide[width] += len(line) > width
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.stmt): continue
            statements += 1
            deep += statement_constructs(node) >= 3
            if isinstance(node, ast.FunctionDef): long_functions += body_length(node) > 40
    figures = {"lines": lines}
    for width, n in wide.items(): figures[f"lines over {width} columns"] = n/lines
    figures["statements"] = statements
    figures["statements with 3 or more"] = deep/statements
    figures["functions over 40 lines"] = long_functions
    return figures


class Cell(NamedTuple):
    kind: str
    source: str

    @property
    def is_exported(self): return self.kind == "code" and re.search(r"^#\| export", self.source, re.M) is not None


def cells_of(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [Cell(c["cell_type"], "".join(c["source"])) for c in cells]


def module_of(cells):
    "The module that a notebook exports, or None"
    found = (re.search(r"^#\| default_exp (\w+)", c.source, re.M) for c in cells)
    return next((m[1] for m in found if m), None)


def defines(source, name):
    assigned = rf"(?:\w+, )*{name}(?:, \w+)* ?(?::[^=\n]+)?="
    return re.search(rf"^(?:class {name}\b|def {name}\(|{assigned})", source, re.M)


def runs_soon(cells, name):
    "Whether one of the three cells after the definition of a public name uses it"
    for i, cell in enumerate(cells):
        if not cell.is_exported or not defines(cell.source, name): continue
        after = [c for c in cells[i + 1:i + 4] if c.kind == "code" and not c.is_exported]
        return any(re.search(rf"\b{name}\b", c.source) for c in after)
    return False


def name_figures(root):
    "The share of public names run within three cells of their definition, and of those in backticks in a sentence"
    total, not_run, not_named = 0, [], []
    for notebook in sorted((root/"nbs").glob("*.ipynb")):
        cells = cells_of(notebook)
        module = module_of(cells)
        if not module: continue
        prose = "\n".join(c.source for c in cells if c.kind == "markdown")
        for name in public_names((root/f"fashion_tagger/{module}.py").read_text(encoding="utf-8")):
            total += 1
            if not runs_soon(cells, name): not_run.append(f"{module}.{name}")
            if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", prose): not_named.append(f"{module}.{name}")
    run, named = 1 - len(not_run)/total, 1 - len(not_named)/total
    return {"public names": total, "run within three cells": run, "named in prose": named}, not_run, not_named


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=here)
    parser.add_argument("--check", action="store_true", help="exit 1 if a share exceeds its limit")
    parser.add_argument("--names", action="store_true", help="list the names that are not run or not named")
    args = parser.parse_args()
    names, not_run, not_named = name_figures(args.root)
    figures = code_figures(args.root) | names
    for what, figure in figures.items():
        shown = f"{figure:.1%}" if isinstance(figure, float) else f"{figure:,}"
        print(f"{what:28} {shown}")
    if args.names: print("not run within three cells:", *not_run, "\nnot named in prose:", *not_named)
    if not args.check: return
    over = [what for what, limit in LIMITS.items() if figures[what] > limit]
    if names["run within three cells"] < SHOWN_AT_LEAST: over.append("run within three cells")
    if over: sys.exit(f"outside the limits: {', '.join(over)}")


if __name__ == "__main__": main()
