"""Sphinx extension: pages for every module of the package, and docstrings in the house's style as reStructuredText."""

import dataclasses
import inspect
import pkgutil
import re
from pathlib import Path

import isthmus
from isthmus import recipes

# Nouns first, in the order of the five choices; what is not named here follows by the alphabet.
ORDER = [
    "estimator",
    "architectures",
    "codes",
    "priors",
    "losses",
    "corruptions",
    "penalties",
    "training",
    "recipes",
]
LITERAL = re.compile(r"(``.+?``|:[\w:]+:`[^`]+`|`[^`]+`_{0,2})")
ENTRY = re.compile(r"(?:^|(?<=\. ))([*\w]+(?:, [*\w]+)*) : ")  # "name : what it is", also after a full stop
SECTIONS = ("Parameters", "Returns", "Yields", "Raises", "Attributes", "Notes", "References", "Examples")


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}


def write_pages(app):
    """One page a folder or top-level module, and an index of them; unchanged pages are left alone."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {}
    for info in pkgutil.iter_modules(isthmus.__path__, "isthmus."):
        if not info.name.rpartition(".")[2].startswith("_"):
            modules = [info.name, *(sub for sub in walk(info.name) if info.ispkg)]
            pages[info.name.partition(".")[2]] = page(info.name, modules)
    names = sorted(pages, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    listing = "\n".join(f"   {name}" for name in names)
    write_catalogue(Path(app.srcdir) / "catalogue.md")
    pages["index"] = f"API\n===\n\nMade from the docstrings.\n\n.. toctree::\n   :maxdepth: 1\n\n{listing}\n"
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        target = folder / f"{name}.rst"
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def write_catalogue(target):
    """The page of all recipes, from what they say of themselves."""
    lines = ["# Recipes", "", "Made from the recipes themselves; `isthmus recipes NAME` prints the same.", ""]
    for name in recipes.names():
        recipe = recipes.get(name)
        text = inspect.getdoc(recipe) or ""
        lines += [f"## {name}", "", text.partition("\n\n")[0].replace("\n", " "), ""]
        lines += [
            f"Source: {recipe.reference}.".replace("..", "."),
            "",
            "```text",
            repr(recipe()),
            "```",
            "",
        ]
        fields = ", ".join(f"`{field}={value!r}`" for field, value in recipe.fields().items())
        lines += [f"Fields: {fields}.", ""]
    text = "\n".join(lines)
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def walk(name):
    """Public modules below a package, sorted."""
    path = [str(Path(isthmus.__path__[0], *name.split(".")[1:]))]
    names = [info.name for info in pkgutil.walk_packages(path, f"{name}.")]
    return sorted(item for item in names if not any(piece.startswith("_") for piece in item.split(".")))


def page(name, modules):
    """The reStructuredText of one page."""
    parts = [f"{name}\n{'=' * len(name)}\n"]
    for module in modules:
        if module != name:
            parts.append(f"{module}\n{'-' * len(module)}\n")
        is_package = Path(isthmus.__path__[0], *module.split(".")[1:]).is_dir()
        # What a package hands on is described where it is made.
        parts.append(f".. automodule:: {module}\n" + "   :no-members:\n" * is_package)
    return "\n".join(parts)


def process(app, what, name, obj, options, lines):
    """Turn a docstring of the house's style into reStructuredText, in place."""
    lines[:] = converted(lines)


def signature(app, what, name, obj, options, arguments, returned):
    """A part's fields with their defaults: its metaclass hides them from Sphinx."""
    if what != "class" or not dataclasses.is_dataclass(obj):
        return None
    shown = inspect.signature(obj.__init__)
    plain = [item.replace(annotation=item.empty) for item in list(shown.parameters.values())[1:]]
    return str(inspect.Signature(plain)), None


def skip(app, what, name, obj, skipped, options):
    """Leave out the methods that scikit-learn adds for its metadata routing."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def converted(lines):
    """Sections become fields and bold words; stars and trailing underscores outside literals are escaped."""
    result, section, literal, fields = [], "", None, False
    for position, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        following = lines[position + 1] if position + 1 < len(lines) else ""
        if literal is not None and line.strip() and indent <= literal:
            literal = None
        if literal is not None or line.lstrip().startswith((">>>", "...")):
            result.append(line)
            continue
        if line.strip() in SECTIONS and re.fullmatch(r"\s*-{3,}", following):
            section = line.strip()
            result += ["", *([] if section == "Parameters" else [f"**{section}**", ""])]
            continue
        if re.fullmatch(r"-{3,}", line.strip()) and position and lines[position - 1].strip() == section:
            continue
        if re.match(r"(Call|Random|Gradient|Raises|References|Deviation|Source|Yields|Returns)s?: ", line):
            section, fields = "", False
            head, _, rest = line.partition(": ")
            result += ["", f"*{head}*: {escaped(rest)}"]
            continue
        entries = ENTRY.split(line) if fields or ENTRY.match(line) else [line]
        if len(entries) > 1:
            result += [f"    {escaped(entries[0].strip())}"] if entries[0].strip() else [""] * (not fields)
            for names, text in zip(entries[1::2], entries[2::2], strict=True):
                result.append(f":param {names.replace('*', '').replace(', ', ',')}: {escaped(text)}")
            fields = True
            continue
        if fields and line.strip():
            result.append(escaped(line if indent else f"    {line}"))
            continue
        fields = False
        if section == "Parameters" and line.strip() and not indent:
            section = ""
            result.append("")
        hanging = indent and not fields and result and re.match(r"[^\s*\-\d:]", result[-1])
        result.append(escaped(line.lstrip() if hanging else line))
        if line.rstrip().endswith("::"):
            literal = indent
    return result


def escaped(line):
    """The line with what reStructuredText would take for markup escaped, outside literals and roles."""
    pieces = LITERAL.split(line)
    for position in range(0, len(pieces), 2):
        plain = pieces[position].replace("\\", "\\\\").replace("*", r"\*").replace("|", r"\|")
        pieces[position] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", plain)
    return "".join(pieces)
