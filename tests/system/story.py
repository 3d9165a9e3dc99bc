# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads stories: prose for people, with commands and what they print. The grammar is in docs/testing.md."""

import importlib.util
import re

LEVELS = ('container', 'vm')
STORIES_SUFFIXES = ('.story', '.py')

COMMAND = re.compile(r'(?P<eventually>eventually )?(?P<user>[a-z][a-z0-9-]*)(?P<sign>[#$!]) (?P<text>.+)')
STATUS = re.compile(r'\[(not )?(\d+)\]')
MACHINE_ACTS = ('power cut', 'power off', 'boot', 'reboot')
VARIABLE = re.compile(r'\\\*|\*|\{([a-z_]+)\}')


class StoryError(Exception):
    """A story that cannot be read."""


class Place:
    """Where a story is played: on which level, on which releases, and how."""

    def __init__(self, words):
        self.levels = [word for word in words if word in LEVELS]
        self.releases = [word.removeprefix('debian ') for word in words if word.startswith('debian ')]
        self.long = 'long' in words
        self.bare = 'bare' in words
        self.parallel = 'parallel' in words
        known = len(self.levels) + len(self.releases) + self.long + self.bare + self.parallel
        if known != len(words) or not self.levels or not self.releases:
            raise StoryError(f'not a place: [{", ".join(words)}]')


class Step:
    """A command and what it should print, or something done to the machine."""

    def __init__(self, line, prose, match):
        self.line, self.prose = line, prose
        self.eventually = bool(match['eventually'])
        self.user = match['user']
        self.command = match['text']
        self.is_act = match['sign'] == '!'
        self.expected = []  # lines
        self.status, self.status_is_not = 0, False
        if self.is_act and (self.user != 'machine' or self.command not in MACHINE_ACTS or self.eventually):
            raise StoryError(f'line {line}: machine! knows: {", ".join(MACHINE_ACTS)}')
        if not self.is_act and (self.user == 'root') != (match['sign'] == '#'):
            raise StoryError(f'line {line}: root has the sign #, all others $')

    def add(self, number, text):
        """Takes the next line behind the command."""
        status = STATUS.fullmatch(text)
        if self.is_act:
            raise StoryError(f'line {number}: the machine prints nothing')
        if text.startswith('> ') or text == '>':
            if self.expected:
                raise StoryError(f'line {number}: a command cannot go on behind what it prints')
            self.command += '\n' + text[2:]
        elif status:
            self.status_is_not, self.status = bool(status[1]), int(status[2])
        else:
            self.expected.append(text)

    def status_fits(self, status):
        return (status == self.status) != self.status_is_not


class Story:
    """A title, places, and either steps or a function of the machine."""

    def __init__(self, name, title, places):
        self.name, self.title, self.places = name, title, places
        self.steps = []
        self.play = None

    def place(self, level, release):
        """The place that fits, or None."""
        for place in self.places:
            if level in place.levels and release in place.releases:
                return place
        return None


def _heading(name, lines):
    """Reads title and places; returns a story without steps and the number of lines read."""
    if not lines or not lines[0].startswith('# '):
        raise StoryError(f'{name}: the first line is "# TITLE"')
    number = 1
    places = []
    while number < len(lines) and (match := re.fullmatch(r'\[(.+)\]', lines[number])):
        places.append(Place([word.strip() for word in match[1].split(',')]))
        number += 1
    if not places:
        raise StoryError(f'{name}: the second line is a place, such as [container, debian 12, debian 13]')
    return Story(name, lines[0][2:], places), number


def parse(name, text):
    """Reads a story."""
    lines = text.splitlines()
    story, start = _heading(name, lines)
    prose, new_paragraph = '', True
    for number, line in enumerate(lines[start:], start + 1):
        if not line.strip():
            new_paragraph = True
        elif not line.startswith('    '):
            prose = line if new_paragraph else f'{prose} {line}'
            new_paragraph = False
        elif match := COMMAND.fullmatch(line[4:]):
            story.steps.append(Step(number, prose, match))
            new_paragraph = True
        elif story.steps and story.steps[-1].prose == prose:
            story.steps[-1].add(number, line[4:])
        else:
            raise StoryError(f'{name}: line {number}: no command stands above it')
    if not story.steps:
        raise StoryError(f'{name}: nothing happens')
    return story


def load(path):
    """Reads a story from a file. A Python file has title and places in its docstring, and a function play(machine)."""
    if path.suffix == '.story':
        return parse(path.stem, path.read_text(encoding='utf-8'))
    spec = importlib.util.spec_from_file_location(f'story_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    story, _ = _heading(path.stem, (module.__doc__ or '').splitlines())
    story.play = module.play
    return story


def load_all(directory):
    """All stories of a directory, by name."""
    return [load(path) for path in sorted(directory.iterdir()) if path.suffix in STORIES_SUFFIXES]


# -- what a command prints --

def _squeeze(line):
    """A line in which any run of blanks counts as one, and none at its ends."""
    return ' '.join(line.split())


def _pattern_of(expected, variables):
    """The regular expression of an expected line."""
    if len(expected) > 1 and expected.startswith('/') and expected.endswith('/'):
        return expected[1:-1]
    pattern, end = '', 0
    expected = _squeeze(expected)
    for match in VARIABLE.finditer(expected):
        pattern += re.escape(expected[end:match.start()])
        end = match.end()
        name = match[1]
        if match[0] == '*':
            pattern += '.*'
        elif match[0] == r'\*':
            pattern += r'\*'
        elif name in variables:
            pattern += re.escape(variables[name])
        elif f'(?P<{name}>' in pattern:
            pattern += f'(?P={name})'
        else:
            pattern += rf'(?P<{name}>\S+)'
    return pattern + re.escape(expected[end:])


def _match_line(expected, line, variables):
    """The variables with those that this line sets; None when it does not fit."""
    match = re.fullmatch(_pattern_of(expected, variables), line)
    return {**variables, **match.groupdict()} if match else None


def match_output(expected, output, variables):
    """Compares what was printed with the expected lines: the variables with those that were set, or None."""
    lines = [_squeeze(line) for line in output.splitlines() if line.strip()]
    forbidden = [line[2:] for line in expected if line.startswith('! ')]
    wanted = [line for line in expected if not line.startswith('! ')]
    if forbidden and not wanted:
        wanted = ['...']

    def match_from(index, position, known):
        if index == len(wanted):
            return known if position == len(lines) else None
        if wanted[index] == '...':
            candidates = (match_from(index + 1, later, known) for later in range(position, len(lines) + 1))
            return next((found for found in candidates if found is not None), None)
        if position == len(lines):
            return None
        found = _match_line(wanted[index], lines[position], known)
        return None if found is None else match_from(index + 1, position + 1, found)

    found = match_from(0, 0, variables)
    if found is not None and any(_match_line(line, got, found) is not None for line in forbidden for got in lines):
        return None
    return found
