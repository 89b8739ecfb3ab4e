"""Tests that fail in torch are explained, whatever kind of test they are; and nothing else changes."""

from __future__ import annotations

import re
from xml.etree import ElementTree as xml

import pytest

from tests.faces.pytest_plugin.conftest import Suite
from tests.faces.pytest_plugin.sections import HEADER, MODEL, SECTION, explained

pytest.importorskip("torch")


@pytest.fixture
def project(suite: Suite) -> Suite:
    suite.write({"model.py": MODEL, "pytest.ini": "[pytest]\ntorchdoctor = true\npythonpath = .\n"})
    return suite


def test_the_section_stands_below_the_traceback_and_names_the_users_line(project: Suite) -> None:
    project.write({"test_it.py": "from model import wrong\n\ndef test_it():\n    print('said')\n    wrong()\n"})
    done = project.run()
    section = SECTION.search(done.stdout)
    assert section is not None
    assert section[1].startswith(
        "error[linear-size-mismatch]: `Net.fc` takes 512 features and gets 800: `x` is (2, 800)\n"
        "  --> model.py:13:16\n"
        "   |\n"
        " 9 |         self.fc = nn.Linear(512, 10)\n"
        "   |                   ------------------ built for 512 features here\n"
        "...\n"
        "12 |         x = self.conv(x).flatten(1)\n"
        "   |             ----------------------- `x` gets its sizes (2, 800) here\n"
        "13 |         return self.fc(x)\n"
        "   |                ^^^^^^^^^^\n"
        "   |                self.fc  Linear(in_features=512, out_features=10)\n"
        "   |                x        (2, 800) float32\n"
        "   |\n"
    )
    assert "\n   = cure: `nn.Linear(800, 10)`" in section[1]
    assert section[1].endswith("\n   = torchdoctor explain linear-size-mismatch\n")
    assert done.stdout.index("E   ") < section.start() < done.stdout.index("Captured stdout call")


KINDS = """
    import asyncio
    import unittest

    import pytest
    import torch
    from torch import nn
    from model import Net, wrong

    def check(layer, x):
        __tracebackhide__ = True
        return layer(x)

    @pytest.mark.parametrize("side", [10, 12])
    def test_parametrised(side):
        torch.manual_seed(0)
        Net()(torch.zeros(2, 3, side, side))

    def test_through_a_hidden_helper():
        check(nn.Linear(3, 4), torch.zeros(2, 5))  # LINE hidden

    class TestInClass:
        def test_method(self):
            wrong()

    class TestUnit(unittest.TestCase):
        def test_unit(self):
            wrong()

        def test_unit_sub(self):
            for side in (10, 12):
                with self.subTest(side=side):
                    torch.manual_seed(0)
                Net()(torch.zeros(2, 3, side, side))

    class TestAsync(unittest.IsolatedAsyncioTestCase):
        async def test_async(self):
            await asyncio.sleep(0)
            wrong()

    def test_exits():
        try:
            wrong()
        except RuntimeError:
            raise SystemExit(1)

    def test_gives_up():
        try:
            wrong()
        except RuntimeError:
            pytest.fail("no")

    def test_waits_for_another_text():
        with pytest.raises(RuntimeError, match="nothing like this"):
            wrong()

    def test_waits_for_another_error():
        with pytest.raises(ValueError):
            wrong()

    @pytest.fixture
    def sick():
        return torch.zeros(2, 3) @ torch.zeros(4, 5)  # LINE setup

    def test_with_sick_fixture(sick):
        pass

    @pytest.fixture
    def late():
        yield
        torch.zeros(2).view(3)  # LINE teardown

    def test_with_late_fixture(late):
        pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_every_kind_of_test_is_explained(project: Suite, workers: tuple[str, ...]) -> None:
    project.write({"test_kinds.py": KINDS})
    done = project.run(*workers)
    text = (project.folder / "test_kinds.py").read_text()
    line = {found[1]: text[: found.start()].count("\n") + 1 for found in re.finditer(r"# LINE (\w+)", text)}
    wrong = ("linear-size-mismatch", "model.py:13")
    found = explained(done.stdout)
    subtest = {name: told for name, told in found.items() if "side=12" in name and "test_unit_sub" in name}
    assert list(subtest.values()) in ([wrong], []), done.stdout  # pytest of old tells of subtests without a plugin
    assert {name: told for name, told in found.items() if name not in subtest and "test_unit_sub" not in name} == {
        "test_parametrised[12]": wrong,
        "test_through_a_hidden_helper": ("linear-size-mismatch", f"test_kinds.py:{line['hidden']}"),
        "TestInClass.test_method": wrong,
        "TestUnit.test_unit": wrong,
        "TestAsync.test_async": wrong,
        "test_exits": wrong,
        "test_gives_up": wrong,
        "test_waits_for_another_text": wrong,
        "test_waits_for_another_error": wrong,
        "ERROR at setup of test_with_sick_fixture": ("matmul-size-mismatch", f"test_kinds.py:{line['setup']}"),
        "ERROR at teardown of test_with_late_fixture": ("impossible-reshape", f"test_kinds.py:{line['teardown']}"),
    }


def test_a_module_that_cannot_be_collected_is_explained(project: Suite) -> None:
    project.write({"test_it.py": "import torch\nX = torch.zeros(2, 3) @ torch.zeros(4, 5)\n"})
    found = explained(project.run().stdout)
    assert found == {"ERROR collecting test_it.py": ("matmul-size-mismatch", "test_it.py:2")}


def test_a_doctest_is_explained(project: Suite) -> None:
    project.write({
        "pkg.py": '"""\n>>> from model import wrong\n>>> wrong()\n"""\n',
        "own.py": """
            def f():
                '''Does it.

                >>> import torch
                >>> x = torch.zeros(2, 3)
                >>> if True:
                ...     y = x @ torch.zeros(2, 4)
                '''
        """,
    })  # fmt: skip
    found = explained(project.run("--doctest-modules").stdout)
    assert found == {
        "[doctest] pkg": ("linear-size-mismatch", "model.py:13"),
        "[doctest] own.f": ("matmul-size-mismatch", "own.py:7"),
    }
    found = explained(project.run("--doctest-modules", "--doctest-continue-on-failure", "pkg.py").stdout)
    assert found == {"[doctest] pkg": ("linear-size-mismatch", "model.py:13")}


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_doctest_is_explained_wherever_its_failure_is_shown(project: Suite, workers: tuple[str, ...]) -> None:
    project.write({"pkg.py": '"""\n>>> from model import wrong\n>>> wrong()\n"""\n'})
    done = project.run("--doctest-modules", "--junitxml=found.xml", "--show-capture=no", *workers, "pkg.py")
    assert explained(done.stdout) == {"[doctest] pkg": ("linear-size-mismatch", "model.py:13")}
    (failure,) = xml.parse(project.folder / "found.xml").iter("failure")
    assert "UNEXPECTED EXCEPTION" in (failure.text or "")
    assert "error[linear-size-mismatch]: `Net.fc` takes 512" in (failure.text or "")


HEALTHY = """
    import pytest
    import torch
    from model import wrong

    def test_expected():
        with pytest.raises(RuntimeError):
            wrong()

    @pytest.mark.xfail
    def test_known():
        wrong()

    @pytest.mark.xfail(strict=True)
    def test_known_and_mended():
        pass

    def test_wrong_number():
        assert torch.zeros(2).sum() == 1

    def test_not_torchs():
        {}["x"]

    def test_raises_nothing():
        with pytest.raises(RuntimeError):
            pass

    def test_skipped():
        pytest.skip("later")

    def test_caught():
        try:
            wrong()
        except RuntimeError:
            pass
        assert 1 == 2
"""


def test_what_is_expected_or_not_torchs_gets_no_section(project: Suite) -> None:
    project.write({"test_healthy.py": HEALTHY})
    done = project.run()
    assert "5 failed, 1 passed, 1 skipped, 1 xfailed" in done.stdout, done.stdout
    assert not SECTION.search(done.stdout), done.stdout


def without_sections(text: str) -> str:
    """pytest's own output, without what differs from run to run."""
    text = SECTION.sub("", text)
    text = re.sub(r"^=+ torchdoctor =+\n(?:(?!=).*\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"0x[0-9a-f]+", "0x0", text)
    return re.sub(r"in \d+\.\d+s(?: \([\d:]+\))?|=+", "", text)


STYLES = [
    ("-v",),
    ("-rA", "-l", "--tb=short"),
    ("--tb=long", "--full-trace"),
    ("--tb=native", "--doctest-modules"),
    ("--tb=line",),
]


@pytest.mark.parametrize("arguments", STYLES, ids=" ".join)
def test_pytests_own_output_is_untouched(project: Suite, arguments: tuple[str, ...]) -> None:
    project.write({
        "test_kinds.py": KINDS,
        "test_healthy.py": HEALTHY,
        "test_unloadable.py": "from model import wrong\n\nwrong()\n",
        "doc.py": '"""\n>>> from model import wrong\n>>> wrong()\n"""\n',
        "pytest.ini": "[pytest]\ntorchdoctor = true\npythonpath = .\naddopts = --continue-on-collection-errors\n",
    })  # fmt: skip
    off, on = project.run(*arguments, "-o", "torchdoctor=false"), project.run(*arguments)
    assert not SECTION.search(off.stdout)
    assert "torchdoctor explain" in on.stdout
    # With --tb=line nothing of pytest's parts a section from what comes next.
    ended = re.sub(r"(^ *= torchdoctor explain \S+\n)", r"\1!!!! ended\n", on.stdout, flags=re.MULTILINE)
    assert without_sections(SECTION.sub("", ended).replace("!!!! ended\n", "")) == without_sections(off.stdout)
    assert on.returncode == off.returncode == 1 and on.stderr == off.stderr


def test_frames_of_guards_stand_in_the_failures_of_guarded_tests_only(project: Suite) -> None:
    """Before and after one that is guarded; and all of what pytest itself does is in its failure too."""
    fails = "    assert int('1') == 2\n\n"
    project.write({
        "test_it.py": "import pytest\n\n"
        f"def test_before():\n{fails}"
        f"@pytest.mark.torchdoctor(no_nan=True)\ndef test_guarded():\n{fails}"
        f"def test_after():\n{fails}"
        "@pytest.fixture\ndef late():\n    yield\n    assert int('1') == 2\n\n"
        "def test_with_late_fixture(late):\n    pass\n"
    })  # fmt: skip
    parts = []
    for switch in ("true", "false"):
        done = project.run("--tb=native", "-o", f"torchdoctor={switch}")
        text = without_sections(done.stdout).partition(" short test summary")[0]
        names = HEADER.findall(text)
        parts.append(dict(zip(names, HEADER.split(text)[2::2], strict=True)))
    on, off = parts
    assert set(on) == {"test_before", "test_guarded", "test_after", "ERROR at teardown of test_with_late_fixture"}
    assert [name for name in on if on[name] != off[name]] == ["test_guarded"]
    assert all("_pytest" in text for text in on.values()), "the frames of pytest's own are there"


def test_it_is_shown_where_captured_output_is_not(project: Suite) -> None:
    project.write({"test_it.py": "from model import wrong\n\ndef test_it():\n    wrong()\n"})
    for option in ("--show-capture=no", "--show-capture=stderr", "--tb=short"):
        assert SECTION.search(project.run(option).stdout), option
    assert not SECTION.search(project.run("--tb=no").stdout)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_junit_files_tell_it_in_the_failures_text(project: Suite, workers: tuple[str, ...]) -> None:
    project.write({"test_kinds.py": KINDS})
    project.run("--junitxml=found.xml", *workers)
    cases = {case.get("name"): case for case in xml.parse(project.folder / "found.xml").iter("testcase")}
    failure, error = cases["test_parametrised[12]"].find("failure"), cases["test_with_sick_fixture"].find("error")
    assert failure is not None and "error[linear-size-mismatch]: `Net.fc` takes 512" in (failure.text or "")
    assert error is not None and "error[matmul-size-mismatch]" in (error.text or "")


def test_nothing_is_kept_alive_longer_than_pytest_does(project: Suite) -> None:
    project.write({
        "test_it.py": """
            import gc, weakref
            import torch
            from model import Net

            seen = []

            def test_fails():
                net, big = Net(), torch.zeros(2, 3, 12, 12)
                seen.extend([weakref.ref(net), weakref.ref(big)])
                net(big)

            def test_next():
                gc.collect()
                assert [one() for one in seen] == [None, None]
        """,
        "conftest.py": """
            import sys

            def pytest_runtest_setup(item):  # what Python and pytest keep of the last failure for debuggers
                for name in ("last_exc", "last_value", "last_traceback", "last_type"):
                    if hasattr(sys, name):
                        delattr(sys, name)
        """,
    })  # fmt: skip
    done = project.run()
    assert "1 failed, 1 passed" in done.stdout, done.stdout


def test_a_fault_of_ours_is_one_line(project: Suite) -> None:
    project.write({
        "conftest.py": """
            import torchdoctor.probes.failure

            def broken(error):
                raise ValueError("of\\nours")

            torchdoctor.probes.failure.failure_of = broken
        """,
        "test_it.py": "from model import wrong\n\ndef test_it():\n    wrong()\n",
    })  # fmt: skip
    done = project.run()
    section = SECTION.search(done.stdout)
    assert section is not None
    assert section[1] == "torchdoctor: could not explain this failure (ValueError: of ours)\n"
    assert done.returncode == 1 and "RuntimeError: mat1 and mat2" in done.stdout and done.stderr == ""


def test_without_torch_nothing_is_loaded_for_a_failure(suite: Suite) -> None:
    suite.write({
        "test_it.py": "def test_it():\n    assert 1 == 2\n",
        "conftest.py": """
            import sys

            def pytest_unconfigure():
                print("\\nLOADED", "libcst" in sys.modules, "torch" in sys.modules)
        """,
    })  # fmt: skip
    assert "LOADED False False" in suite.run("--torchdoctor").stdout


def test_a_test_that_takes_its_folder_away_is_explained(project: Suite) -> None:
    project.write({
        "test_it.py": """
            import os, tempfile
            from model import wrong

            def test_it():
                with tempfile.TemporaryDirectory() as folder:
                    os.chdir(folder)
                wrong()
        """
    })  # fmt: skip
    section = SECTION.search(project.run().stdout)
    assert section is not None and "error[linear-size-mismatch]" in section[1], section
