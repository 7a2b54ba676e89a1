"""Text from outside, made harmless inside our Markdown; and the limits of GitHub's fields.

Rule: nothing that was read from GitHub or typed by a person may mention, link, open, close or command
anything. Backslashes and entities do not help: GitHub finds mentions and references after it has rendered the
Markdown, but not in code.
https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
"""

import re

_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})")
"""Accounts of managed users carry an underscore: https://docs.github.com/admin/managing-iam/iam-configuration-reference"""

_TEAM = re.compile(rf"{_LOGIN.pattern}/[A-Za-z0-9](?:[A-Za-z0-9_-]{{0,254}})")

_IN_CODE = str.maketrans({"`": "'", "|": "¦", "<": "‹", ">": "›", "@": "＠"})
"""Inside a code span only the backtick matters to GitHub; the others do to tables, mails and our marker."""

_TAME = re.compile(r"[\w,.;:()'\"!?/%+=…–—’“”-]+")
_REFERENCE = re.compile(
    r"(?i)^/\w|://|www\.|mailto:|xmpp:|:[\w+-]+:|\bgh-\d|(?<![a-z0-9])[0-9a-f]{7,40}(?![a-z0-9])"
    r"|(?:^|\W)_|_(?:\W|$)|--"
)
"""What GitHub makes more of than text though its letters are tame: addresses, icons, commits, emphasis."""

_ENDS = frozenset(".,;)")

_UNSEEN = re.compile("[\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""What counts as a letter or a mark and shows nothing; the other invisible characters Python knows itself."""

_TAG = re.compile(r"(?i)<(?=!--|/?(?:details|summary)\b)")
_LOUD_LINE = re.compile(r"(?m)^(?=[^\S\n]*[/|])")
_MENTION = re.compile(r"(?<!\w)@(?=[A-Za-z0-9])")
_FENCE = re.compile(r"^(`{3,})")

MARKER = "<!-- release-bot:"
"""How the last line of a status comment begins."""
TOGETHER_MARKER = "<!-- release-bot-together:"
"""How the last line of the comment begins that lists the releases which one command started."""

_CUT_NOTICE = "Cut here: GitHub takes no longer text."


def plain(text: str, *, most: int = 200) -> str:
    """One line of visible characters, for fields that GitHub shows without reading Markdown in them."""
    line = " ".join(_visible(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _visible(text: str) -> str:
    """Without control characters, and what hides or reorders text or is half a character."""
    return "".join(letter if letter.isprintable() else " " for letter in _UNSEEN.sub(" ", text))


def code(text: str, *, most: int = 100) -> str:
    """A one-line code span, for names."""
    return f"`{plain(text, most=most).translate(_IN_CODE) or '(nothing)'}`"


def inert(text: str, *, most: int = 200) -> str:
    """Text for the middle of a sentence: words as they are, whatever GitHub could make more of in code spans.

    Code spans that are in the text already stay what they are.
    """
    pieces = plain(text, most=most).split("`")
    if len(pieces) % 2 == 0:  # the last backtick opens nothing
        pieces[-2:] = ["'".join(pieces[-2:])]
    done = [_words(piece) if number % 2 == 0 else _span(piece) for number, piece in enumerate(pieces)]
    return "".join(done).replace("``", "` `").strip()


def _span(text: str) -> str:
    return code(text, most=len(text)) if text.strip() else ""


def _words(text: str) -> str:
    """Spaces at the ends are kept: a code span may be the neighbour."""
    runs: list[tuple[bool, list[str]]] = []
    for word in text.split():
        tame = _TAME.fullmatch(word) is not None and not _REFERENCE.search(word)
        if runs and runs[-1][0] is tame:
            runs[-1][1].append(word)
        else:
            runs.append((tame, [word]))
    line = " ".join(" ".join(words) if tame else _odd(" ".join(words)) for tame, words in runs)
    return (" " if text[:1] == " " else "") + line + (" " if text[-1:] == " " and line else "")


def _odd(text: str) -> str:
    """A span, without the full stop or the closing bracket of the sentence around it."""
    kept = text
    while kept[-1:] in _ENDS and (kept[-1] != ")" or kept.count(")") > kept.count("(")):
        kept = kept[:-1]
    return _span(kept) + text[len(kept) :] if kept.strip() else _span(text)


def mention(login: str) -> str:
    """A live mention: there is no other but this one of a person and `mention_team`."""
    return f"@{login}" if _LOGIN.fullmatch(login) else code(login)


def is_team(name: str) -> bool:
    """`owner/team`, as GitHub mentions teams."""
    return _TEAM.fullmatch(name) is not None


def mention_team(name: str) -> str:
    return f"@{name}" if is_team(name) else code(name)


def fold(title: str, text: str, *, most: int = 6_000) -> str:
    """A folded block with the last `most` characters at most; the title is ours. No text: nothing at all."""
    clean = _quiet(text)
    if not clean:
        return ""
    if len(clean) > most:
        clean = f"…{clean[-most:].partition(chr(10))[2] or clean[-most:]}"
    return f"<details><summary>{title}</summary>\n\n{fence(clean)}\n\n</details>"


def fence(text: str) -> str:
    """A code block that the text cannot close."""
    clean = _quiet(text)
    longest = max((len(run) for run in re.findall("`+", clean)), default=0)
    bar = "`" * max(3, longest + 1)
    return f"{bar}text\n{clean}\n{bar}"


def _quiet(text: str) -> str:
    """Other bots may read commands in code blocks, too; our own readers look for tables and markers."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    visible = "\n".join(_visible(line).rstrip() for line in lines.split("\n")).strip("\n")
    return _LOUD_LINE.sub("> ", _MENTION.sub("＠", _TAG.sub("‹", visible)))


def cut(body: str, most: int = 65_000) -> str:
    """At most that many characters: whole lines, open blocks closed, and the marker kept as the last line.

    GitHub refuses comments over 65,536 and summaries over 65,535 characters.
    https://docs.github.com/rest/checks/runs#create-a-check-run
    """
    if len(body) <= most:
        return body
    text, _, last = body.rpartition("\n")
    end = f"\n\n{last}" if last.startswith((MARKER, TOGETHER_MARKER)) else ""
    kept = (text if end else body)[: max(0, most - len(end) - 400)]
    kept = kept.rpartition("\n")[0] or kept
    return f"{kept}{_closing(kept)}\n\n{_CUT_NOTICE}{end}"


def _closing(text: str) -> str:
    """What closes the blocks that are open at the end of the text."""
    bar = ""
    folds = 0
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if bar:
            bar = "" if line == bar else bar
        elif found:
            bar = found[1]
        else:
            folds += line.count("<details>") - line.count("</details>")
    return (f"\n{bar}" if bar else "") + "\n\n</details>" * folds
