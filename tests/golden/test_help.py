"""What users read when they ask for help is frozen: a change of a flag shows in a diff."""

import re

import pytest


def command_names(run_iris):
    """The commands in the order in which --help lists them."""
    text = run_iris("--help").stdout
    section = text.split("Subcommands:\n", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^  (\S+)", section, flags=re.MULTILINE)


def test_the_program_lists_its_commands(run_iris, golden):
    result = run_iris("--help")
    assert result.returncode == 0
    golden("help/iris.txt", result.stdout)


def test_every_command_explains_itself_with_an_example(run_iris, golden):
    names = command_names(run_iris)
    assert {"check", "train", "evaluate", "serve", "scale", "report", "pull"} <= set(names)
    for name in names:
        result = run_iris(name, "--help")
        assert result.returncode == 0, name
        # The example may set the scene first (a pipe, say), but it must call the command.
        assert f"iris {name}" in result.stdout.split("Example:\n", 1)[1], name
        golden(f"help/{name}.txt", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "iris: 'trian' is not a command; did you mean 'train'?\nTry 'iris --help'.\n"),
        (["xyzzy"], "iris: 'xyzzy' is not a command\nTry 'iris --help'.\n"),
    ],
)
def test_an_unknown_command_is_wrong_use(run_iris, arguments, message):
    result = run_iris(*arguments)
    assert result.returncode == 2
    assert result.stderr == message


def test_no_command_and_an_unknown_flag_are_wrong_use(run_iris):
    assert run_iris().returncode == 2
    assert run_iris("train", "--no-such-flag").returncode == 2
