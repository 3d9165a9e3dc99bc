#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests story.py: what stories say, and that output which is not as told does not fit."""
import unittest
from pathlib import Path

import story

HEAD = '# A title\n[container, debian 12, debian 13]\n[vm, debian 13, long, bare, parallel]\n\n'


class Reading(unittest.TestCase):
    """The grammar."""

    def parse(self, text):
        return story.parse('name', HEAD + text)

    def test_heading_and_places(self):
        one = self.parse('    root# true\n')
        self.assertEqual((one.name, one.title), ('name', 'A title'))
        self.assertFalse(one.place('container', '12').long)
        place = one.place('vm', '13')
        self.assertTrue(place.long and place.bare and place.parallel)
        self.assertIsNone(one.place('vm', '12'))

    def test_steps(self):
        one = self.parse('Once upon\na time.\n\n'
                         '    alice$ cat <<END\n    > a\n    >\n    > b\n    > END\n    a\n    [not 0]\n'
                         '    eventually root# true\n\n    [3]\n\nThen.\n\n    machine! power cut\n')
        first, second, third = one.steps
        self.assertEqual((first.user, first.command, first.expected), ('alice', 'cat <<END\na\n\nb\nEND', ['a']))
        self.assertEqual((first.line, first.prose, first.eventually), (8, 'Once upon a time.', False))
        self.assertTrue(first.status_fits(1) and not first.status_fits(0))
        self.assertTrue(second.eventually and second.status_fits(3) and not second.status_fits(0))
        self.assertEqual((third.is_act, third.command, third.prose), (True, 'power cut', 'Then.'))

    def test_what_cannot_be_read(self):
        for text in ('    output\n', 'Only prose.\n', '    root$ id\n', '    alice# id\n', '    machine! dance\n',
                     '    machine! boot\n    output\n', '    root# id\n    a\n    > b\n',
                     '    root# id\n\nNew.\n\n    a\n'):
            with self.subTest(text), self.assertRaises(story.StoryError):
                self.parse(text)
        for head in ('', 'No title\n', '# Title\n\nProse.\n', '# Title\n[moon, debian 12]\n', '# Title\n[vm]\n'):
            with self.subTest(head), self.assertRaises(story.StoryError):
                story.parse('name', head + '\n    root# true\n')

    def test_all_stories_can_be_read(self):
        stories = story.load_all(Path(__file__).parent / 'stories')
        self.assertTrue(stories)
        for level in story.LEVELS:
            for release in ('12', '13'):
                self.assertTrue([one for one in stories if one.place(level, release)], (level, release))


class Matching(unittest.TestCase):
    """What a command prints against what it should."""

    def check(self, expected, output, **variables):
        return story.match_output(expected.splitlines(), output, variables)

    def test_fits(self):
        for expected, output in (
            ('', ''), ('', '\n \n'), ('a\nb', 'a\n\nb\n'), ('a  b', ' a b '), ('...', ''), ('...', 'a\nb'),
            ('...\nb', 'b'), ('...\nb\n...\nd', 'a\nb\nc\nb\nd'), ('a*d', 'abcd'), (r'a\*', 'a*'),
            ('a.[b]', 'a.[b]'), ('/a+/', 'aaa'),
            ('! b', 'a'), ('! b', ''), ('a\n...\n! b', 'a\nc'), ('{"a": 1}', '{"a": 1}'), ('/', '/'),
        ):
            with self.subTest(expected=expected, output=output):
                self.assertIsNotNone(self.check(expected, output))

    def test_does_not_fit(self):
        for expected, output in (
            ('', 'a'), ('a', ''), ('a', 'a\nb'), ('a\nb', 'b\na'), ('a', 'ab'), ('...\nb', 'b\na'), ('a*d', 'abc'),
            (r'a\*', 'ab'), ('a.c', 'abc'), ('/a/', 'aa'), ('! b', 'a\nb'), ('a\n! b', 'a\nc'),
            ('...\n! *b*', 'a\nabc'), ('{a} {a}', 'b c'),
        ):
            with self.subTest(expected=expected, output=output):
                self.assertIsNone(self.check(expected, output))

    def test_variables(self):
        self.assertEqual(self.check('job {job}: {state}', 'job 12: running'), {'job': '12', 'state': 'running'})
        self.assertEqual(self.check('{job}\n{job}', '1\n1'), {'job': '1'})
        self.assertIsNone(self.check('{job}\n{job}', '1\n2'))
        self.assertEqual(self.check('{job}', '12', job='12'), {'job': '12'})
        self.assertIsNone(self.check('{job}', '13', job='12'))
        self.assertIsNone(self.check('{job}', '1 2'))
        self.assertEqual(self.check(r'/(?P<n>\d+) jobs/', '3 jobs'), {'n': '3'})
        self.assertIsNone(self.check('...\n! {job}', '11\n12', job='12'))
        self.assertEqual(self.check('...\nid {job}\n...', 'a\nid 5\nid 6'), {'job': '5'})


if __name__ == '__main__':
    unittest.main()
