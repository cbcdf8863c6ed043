"""What a usage error exits with, and where settings come from."""

import time
from pathlib import Path

import pytest
from command_line import Command

from evenweave.cli.main import COMMANDS

WRONG = [
    [],
    ["nope"],
    ["--nope"],
    ["check"],
    ["check", "missing.yaml"],
    ["check", "folder"],
    ["check", "--format", "xml", "good.yaml"],
    ["check", "--nope", "good.yaml"],
    ["run"],
    ["run", "missing.yaml"],
    ["run", "folder"],
    ["run", "good.yaml", "--input", "no json"],
    ["run", "good.yaml", "--input", "[1]"],
    ["run", "good.yaml", "--input", "@missing.json"],
    ["run", "good.yaml", "--input", "@folder"],
    ["run", "good.yaml", "--input", "[" * 100_000],
    ["run", "good.yaml", "--event", "@missing.json"],
    ["run", "good.yaml", "--event", "{}"],
    ["run", "good.yaml", "--event", "[5]"],
    ["run", "good.yaml", "--timeout", "soon"],
    ["run", "good.yaml", "--timeout", "-1"],
    ["run", "good.yaml", "--timeout", "nan"],
    ["run", "good.yaml", "--emitted", "missing/folder/file"],
    ["run", "good.yaml", "--emitted", "folder"],
    ["run", "good.yaml", "--catalog", "missing.yaml"],
    ["run", "good.yaml", "--catalog", "good.yaml", "--catalog", "other.yaml"],
    ["engine", "--workers", "2"],
    ["engine", "--workers", "0", "--store", "postgresql://127.0.0.1:1/none"],
    ["engine", "--store", "mysql://127.0.0.1/none"],
    ["register"],
    ["register", "missing.yaml"],
    ["register", "good.yaml", "--engine", "localhost"],
    ["register", "good.yaml", "--engine", "http://localhost:port"],
    ["send"],
    ["send", "channel"],
    ["send", "channel", "no json"],
    ["send", "channel", "{}", "--attribute", "novalue"],
    ["send", "channel", "{}", "--attribute", "Not-A-Name=1"],
    ["send", "", "{}"],
    ["send", "channel", '{"specversion": "1.0"}'],
    ["definitions"],
    ["definitions", "show"],
    ["definitions", "nope"],
    ["instances"],
    ["instances", "show"],
    ["instances", "list", "--status", "lost"],
    ["instances", "list", "--max", "0"],
    ["instances", "start"],
    ["demo", "--orders", "0"],
    ["demo", "--orders", "many"],
    ["demo", "extra"],
    ["dev", "missing"],
    ["dev", "good.yaml"],
    ["catalog", "--listen", "nowhere"],
    ["catalog", "--listen", "127.0.0.1:99999"],
    ["catalog", "--data", "good.yaml"],
    ["engine", "--catalog", "nowhere"],
    ["runtime", "--log-level", "loud"],
]

INJECT = """
id: {0}
version: '1'
specVersion: '0.8'
name: {0}
states: [{{name: only, type: inject, data: {{a: 1}}, end: true}}]
"""


@pytest.fixture
def files(folder: Path) -> Path:
    """A definition or two, and a folder."""
    (folder / "good.yaml").write_text(INJECT.format("good"))
    (folder / "other.yaml").write_text(INJECT.format("other"))
    (folder / "folder").mkdir()
    return folder


@pytest.mark.parametrize("arguments", WRONG, ids=lambda arguments: " ".join(arguments)[:60] or "nothing")
def test_usage_errors_exit_64(files: Path, evenweave: Command, arguments: list[str]) -> None:
    """Whatever is wrong with a command line exits with 64, says what on standard error, and prints nothing else."""
    outcome = evenweave(*arguments)
    assert outcome.code == 64
    assert outcome.out == ""
    assert "Usage:" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("arguments", [["nope"], ["check", "missing.yaml"], ["run", "good.yaml", "--timeout", "x"]])
def test_usage_errors_exit_64_as_a_process(files: Path, process: Command, arguments: list[str]) -> None:
    """The installed command exits as the function does."""
    assert process(*arguments).code == 64


def test_unreadable_files_are_usage_errors(files: Path, evenweave: Command) -> None:
    """A file that is there and cannot be read is a usage error too."""
    outcome = evenweave("check", "/proc/self/mem")
    assert outcome.code == 64
    assert "/proc/self/mem" in outcome.err


def test_help_is_quick(process: Command) -> None:
    """`evenweave --help` lists every command without importing any; on a quiet machine it takes a tenth of a second."""
    began = time.monotonic()
    outcome = process("--help")
    assert outcome.code == 0
    assert time.monotonic() - began < 2.0
    assert all(f"  {name} " in outcome.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(evenweave: Command, name: str) -> None:
    """Each command says what it does."""
    outcome = evenweave(name, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: evenweave {name}")


def test_a_reader_that_leaves_is_no_error(files: Path, process: Command) -> None:
    """Output into a pipe that nobody reads any more ends the command without a word."""
    import subprocess
    import sys

    (files / "bad.yaml").write_text("asyncapi: 2.0.0\n" + "".join(f"k{n}: 1\n" for n in range(400)))
    command = f"{Path(sys.executable).with_name('evenweave')} check bad.yaml bad.yaml | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x =", "evenweave.toml"),
        ("dta = '.evenweave'", '"dta" is no setting'),
        ("[catlog]\nlisten = ':0'", '"catlog" is no setting'),
        ("engine = 'nowhere'", "'nowhere' is no URL"),
        ("store = 'nowhere'", "'nowhere' is no URL"),
    ],
)
def test_settings_that_mean_nothing_are_usage_errors(folder: Path, evenweave: Command, text: str, message: str) -> None:
    """A file of settings that cannot be read, or names what does not exist, is not passed over."""
    (folder / "evenweave.toml").write_text(text)
    outcome = evenweave(*(("engine",) if "store" in text else ("instances", "list")))
    assert outcome.code == 64
    assert message in outcome.err


def test_settings_go_from_flag_to_environment_to_file(
    folder: Path, evenweave: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag wins over the environment, which wins over evenweave.toml, which wins over the default."""

    def asked(*flags: str) -> str:
        outcome = evenweave("instances", "list", *flags)
        assert outcome.code == 1
        return outcome.err

    assert "http://127.0.0.1:7402 or http://127.0.0.1:7400" in asked() or "answer" not in asked()
    (folder / "evenweave.toml").write_text("data = 'elsewhere'\n[engine]\nlisten = ':1'\n")
    assert "http://127.0.0.1:1:" in asked()
    monkeypatch.setenv("EVENWEAVE_ENGINE", "http://127.0.0.1:2")
    assert "http://127.0.0.1:2:" in asked()
    assert "http://127.0.0.1:3:" in asked("--engine", "http://127.0.0.1:3")


def test_the_data_folder_is_no_input(folder: Path, files: Path, evenweave: Command) -> None:
    """The setting `data` is where processes keep their data, never the input of `run` or the data of `send`."""
    (folder / "evenweave.toml").write_text("data = 'elsewhere'\n")
    assert evenweave("run", "good.yaml").code == 0
    assert evenweave("send", "channel").code == 64


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_is_not_there_is_said_in_a_line(folder: Path, evenweave: Command, workers: str) -> None:
    """An engine whose store does not answer at the start does not start, and says which store, without its password."""
    url = "postgresql://shop:hidden@127.0.0.1:1/orders"
    outcome = evenweave("engine", "--store", url, "--workers", workers, "--listen", "127.0.0.1:0")
    assert outcome.code == 1
    assert "postgresql://shop:***@127.0.0.1:1/orders" in outcome.err
    assert "hidden" not in outcome.err
