#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is made of a program's --help: completions for three shells and the options of its man page.

help_to.py man PROGRAM TEMPLATE | bash PROGRAM | zsh PROGRAM | fish PROGRAM

In the template, a line "@OPTIONS@" stands for the options. Whatever the parser here cannot read ends it with
an error, so that no option gets lost.
"""

import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

NAMES = re.compile(r"^  ((?:-\w,)?--[\w-]+)(?: (TEXT|INT|UINT|FLOAT)(?::\{([^}]*)\})?)?( REQUIRED)?(?: +(.*))?$")
FILES = re.compile(r"(^|-)(config|kubeconfig|file)$")
FOLDERS = re.compile(r"(^|-)dir$")


class Option(NamedTuple):
    names: tuple      # "-v", "--v"
    takes: bool       # a value
    choices: tuple
    text: str

    def values(self):
        """What a shell offers for its value: "file", "folder", choices or nothing."""
        name = self.names[-1].removeprefix("--")
        return self.choices or ("file" if FILES.search(name) else "folder" if FOLDERS.search(name) else "")


class Command(NamedTuple):
    name: str
    text: str
    options: list


def read_help(program, *command):
    """Its options and its subcommands, as (name, text)."""
    out = subprocess.run([program, *command, "--help"], check=True, capture_output=True, text=True).stdout
    options, commands, section = [], [], ""
    for line in out.splitlines():
        if line and not line.startswith(" "):
            section = line
        elif not line.strip():
            continue
        elif section == "Options:" and line.startswith(" " * 20) and options:
            last = options.pop()
            options.append(last._replace(text=(last.text + " " + line.strip()).strip()))
        elif section == "Options:":
            match = NAMES.match(line)
            if not match:
                sys.exit(f"help_to.py: {program}: cannot read \"{line}\"")
            names, kind, choices, _, text = match.groups()
            options.append(Option(tuple(names.split(",")), bool(kind), tuple((choices or "").split(","))
                                  if choices else (), text or ""))
        elif section == "Subcommands:":
            name, _, text = line.strip().partition(" ")
            commands.append((name, text.strip()))
    if not options:
        sys.exit(f"help_to.py: {program} shows no options")
    return options, commands


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def man_options(options):
    for option in sorted(options, key=lambda o: o.names[-1]):
        value = "|".join(option.choices) or "VALUE"
        print(".TP")
        print(", ".join(f"\\fB{roff(name)}\\fR" for name in option.names)
              + (f" \\fI{roff(value)}\\fR" if option.takes else ""))
        print(roff(option.text[:1].upper() + option.text[1:]) + ".")


def man(program, template):
    options, commands = read_help(program)
    for line in pathlib.Path(template).read_text().splitlines():
        if line != "@OPTIONS@":
            print(line)
            continue
        man_options([o for o in options if o.text != "ignored"])
        for command in commands:
            print(f".SS {roff(command[0])}\n{roff(command[1][:1].upper() + command[1][1:])}.")
            man_options([o for o in read_help(program, command[0])[0] if o.names[-1] != "--help"])


def shell_parts(program):
    options, commands = read_help(program)
    known = [Command(name, text, read_help(program, name)[0]) for name, text in commands]
    return pathlib.Path(program).name, [o for o in options if o.text != "ignored"], known


def bash(program):
    name, options, commands = shell_parts(program)
    function = "_" + name.replace("-", "_")
    print(f"# bash completion for {name}\n{function}() {{\n  local cur=${{COMP_WORDS[COMP_CWORD]}}"
          " prev=${COMP_WORDS[COMP_CWORD-1]}\n  COMPREPLY=()\n  case $prev in")
    every = options + [o for c in commands for o in c.options]
    for what, action in (("file", "-f"), ("folder", "-d")):
        names = sorted({n for o in every if o.takes and o.values() == what for n in o.names})
        if names:
            print(f"    {'|'.join(names)}) mapfile -t COMPREPLY < <(compgen {action} -- \"$cur\"); return ;;")
    for option in every:
        if option.choices:
            print(f"    {'|'.join(option.names)}) mapfile -t COMPREPLY < <(compgen -W"
                  f" \"{' '.join(option.choices)}\" -- \"$cur\"); return ;;")
    rest = sorted({n for o in every if o.takes and not o.values() for n in o.names})
    print(f"    {'|'.join(rest)}) return ;;\n  esac")
    print("  local words=\"" + " ".join([n for o in options for n in o.names] + [c.name for c in commands]) + "\"")
    for command in commands:
        words = " ".join(n for o in command.options for n in o.names)
        print(f"  [[ \" ${{COMP_WORDS[*]:1:COMP_CWORD-1}} \" == *\" {command.name} \"* ]] && words=\"{words}\"")
    print(f"  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}}\ncomplete -F {function} {name}")


def zsh_option(option):
    text = re.sub(r"([\[\]:'\"\\])", lambda m: {"'": "'\\''"}.get(m[1], "\\" + m[1]), option.text)
    action = {"file": "_files", "folder": "_files -/", "": " "}.get(option.values(), None)
    if action is None:
        action = "(" + " ".join(option.choices) + ")"
    value = f":value:{action}" if option.takes else ""
    for name in option.names:
        print(f"    '{name}{'=' if option.takes and name.startswith('--') else ''}[{text}]{value}' \\")


def quoted(text):
    """For within single quotes of a shell."""
    return text.replace("'", "'\\''")


def zsh(program):
    name, options, commands = shell_parts(program)
    print(f"#compdef {name}\n_{name}() {{\n  case $words[(r)({'|'.join(c.name for c in commands)})] in")
    for command in commands:
        print(f"  {command.name})\n  _arguments \\")
        for option in command.options:
            zsh_option(option)
        print("    '*: :' ;;")
    print("  *)\n  _arguments \\")
    for option in options:
        zsh_option(option)
    names = " ".join(f"{c.name}\\:\"{quoted(c.text)}\"" for c in commands)
    print(f"    '1: :(({names}))' ;;\n  esac\n}}\n_{name} \"$@\"")


def fish_option(name, option, condition):
    line = f"complete -c {name}{condition}"
    for word in option.names:
        line += f" -l {word[2:]}" if word.startswith("--") else f" -s {word[1:]}"
    if option.takes:
        what = option.values()
        line += " -r" + (" -F" if what == "file" else " -a '(__fish_complete_directories)'" if what == "folder" else
                         f" -a '{' '.join(what)}'" if what else "")
    print(line + " -d '" + option.text.replace("\\", "\\\\").replace("'", "\\'") + "'")


def fish(program):
    name, options, commands = shell_parts(program)
    print(f"# fish completion for {name}\ncomplete -c {name} -f")
    for command in commands:
        print(f"complete -c {name} -n __fish_use_subcommand -a {command.name} -d '"
              + command.text.replace("'", "\\'") + "'")
        for option in command.options:
            fish_option(name, option, f" -n '__fish_seen_subcommand_from {command.name}'")
    for option in options:
        fish_option(name, option, " -n __fish_use_subcommand")


if __name__ == "__main__":
    {"man": man, "bash": bash, "zsh": zsh, "fish": fish}[sys.argv[1]](*sys.argv[2:])
