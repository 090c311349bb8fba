"""The commands and snippets of README.md and docs/ are run, on synthetic videos.

Only sizes differ (WITH). What is not run is in PARSED with the reason, which the test prints
(`pytest -rP`); its flags are looked at by test_docs.py.
"""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.helpers import documents, workshop
from tests.helpers.processes import ROOT

WEIGHTS_OF_CLIP = r"ViT-[BL]-\d\d|vit-b-16|lstm\.pt|runs/text"
PARSED = (  # what a command matches, why it is not run here
    (r"^(pip|make|jupyter|\.venv)", "installs, or runs other tests"),
    (r"-m (pytest|benchmarks)|benchmarks/", "is a test or a measurement of its own"),
    (r"docs[./](arrows|models|gflop|first_hour)", "is compared by test_docs.py, or measured"),
    (r"--records=data/(ava2|sthv2)|=(SLOW|C2D|I3D|R2PLUS1D)\w+\.pyth", "needs published files"),
    (r"--records=data/(figures|scenes)", "checkpoints/README.md has the commands of these"),
    (r"--runner=(?!beam)", "needs a cluster"),
    (r"--runner=beam", "tests/data_prep/test_build.py runs it"),
    (r"export_npy|arrays/", "wants frames of 224 pixels and more"),
    (r"ucf101|hmdb51|kinetics|rawframes|thumos14\.txt", "needs an official data set"),
    (r"weights\.download", "needs a network"),
    (r"i3d\.serve", "runs until it is stopped; test_serve.py asks it"),
    (r"--eval_type joint|multi_evaluate", "needs the published sample clip"),
    (r"dist_extract|slowonly\.pth|tsn\.pth", "needs GPUs or a published file of MMAction2"),
    (r"task=localization --checkpoint", "tests/localization/test_evaluate_localizer.py runs it"),
    (r"i3d/finetune ", "takes hours without a GPU"),
    (r"localize .*--checkpoint=runs", "tests/test_localize.py runs it"),
    (r"untrimmed", "test_training_on_one_file_and_validation_on_another runs it"),
    (r"actionformer/finetune", "tests/test_train_localization.py trains small ones"),
    (WEIGHTS_OF_CLIP, "needs weights of CLIP; test_predict_text.py gives these flags small ones"),
)
NARROW = ("--config.data.size=40", f"--config.model.width={workshop.NARROW}")
WITH = (  # what a command matches, flags that make it small
    (r"--videos=videos/", ("--workers=1", "--short_side=48")),
    (r"data_prep build", ("--workers=1", "--short_side=128")),
    (r"--config=mine\.py", NARROW),
    (
        r"i3d/finetune_cpu",
        ("--config.steps=2", "--config.validate_every=1", "--config.checkpoint_every=1"),
    ),
    (r"evaluate --checkpoint=runs/|flow_scratch", ("--clips=1",)),
)
PROGRAM = {"python": f"{sys.executable} ", "i3d": f"{sys.executable} -m i3d "}
LONG_RUN = r"mine\.py|--videos=videos/"  # TSN's example, a test of its own
ORDER = ("README", "data", "own_classes", "features", "models", "index", "training")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, checkpoints):
    """The folder of tests.helpers.workshop."""
    root = tmp_path_factory.mktemp("workshop")
    merged = workshop.merged(checkpoints, tmp_path_factory.mktemp("weights") / "checkpoints")
    return workshop.written(root, merged)


def ordered():
    """Returns {spelling: Command} of all pages, each once; those that others need come first."""
    place = lambda page: next((i for i, n in enumerate(ORDER) if n in page), len(ORDER))  # noqa: E731
    found = {}
    for page in sorted(documents.PAGES, key=place):
        for each in documents.commands(page):
            if not (each.inline or page.endswith("mistakes.md")):
                found.setdefault(" ".join(each.words).replace("python -m i3d.", "i3d "), each)
    return found


def reason(each):
    """Returns why a command is not run, None for one that is."""
    line = " ".join(each.words)
    return next((why for pattern, why in PARSED if re.search(pattern, line)), None)


def run(each, folder, status=(0,)):
    """Runs a command in the folder, made small; returns what it printed."""
    words, line = list(each.words), " ".join(each.words)
    small = next((extra for pattern, extra in WITH if re.search(pattern, line)), ())
    program = {"i3d": ["-m", "i3d"], "python": []}[words[0]]
    words = [str(ROOT / word) if word == "evaluate_sample.py" else word for word in words[1:]]
    done = subprocess.run(
        [sys.executable, *program, *words, *small],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    assert done.returncode in status, f"{each}\n{done.stdout[-500:]}\n{done.stderr[-3000:]}"
    return done.stdout, done.stderr


def environment(folder):
    """Returns the environment of the commands: this code, and features kept in the folder."""
    return os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}


def run_once(folder, readme):
    """Runs those commands of the README, or of all pages, that have not been run in the folder."""
    ran = folder / "ran.txt"
    before = ran.read_text().splitlines() if ran.exists() else []
    for line, each in ordered().items():
        if line in before or (readme and not each.place.startswith("README")):
            continue
        if why := reason(each):
            print(f"parsed only: {each}: {why}")
        elif not re.search(LONG_RUN, line):
            print(f"run: {each}")
            run(each, folder)
            before.append(line)
            ran.write_text("\n".join(before))
    return len(before)


@pytest.mark.slow
def test_commands_of_the_readme_run(folder):
    assert run_once(folder, readme=True) >= 8


@pytest.mark.slow
def test_commands_and_snippets_of_all_pages_run(folder):
    assert run_once(folder, readme=False) > 25
    snippets(folder)


def snippets(folder):
    """Runs every Python snippet of the pages in one process, each in a namespace of its own."""
    program = (
        "import sys\n"
        "for page, line, text in __import__('json').load(sys.stdin):\n"
        "    print(page, line, flush=True)\n"
        "    exec(compile(text, f'{page}:{line}', 'exec'), {'__name__': 'snippet'})\n"
    )
    found = [block for page in documents.PAGES for block in documents.blocks(page)]
    found = [block for block in found if block.language == "python"]
    found = [block for block in found if not re.search(f"{WEIGHTS_OF_CLIP}|untrimmed", block.text)]
    assert len(found) > 6
    job = json.dumps([(block.page, block.line, block.text) for block in found])
    line = [sys.executable, "-c", program]
    done = subprocess.run(
        line, cwd=folder, env=environment(folder), input=job, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout[-300:]}\n{done.stderr[-3000:]}"


@pytest.mark.slow
def test_training_on_one_file_and_validation_on_another(tmp_path):
    """The part of docs/localization.md, in its order, with six videos and two steps."""
    of_two = {"schedule.begin": 1, "schedule.warmup_steps": 1, "steps": 2, "validate_every": 2}
    small = {
        "--out=untrimmed/train": ["--videos_per_class=4"],
        "--out=untrimmed/test": ["--videos_per_class=2"],
        "i3d train": [f"--config.{key}={value}" for key, value in of_two.items()],
    }
    page = "docs/localization.md"
    commands = [each for each in documents.commands(page) if not each.inline]
    own = [" ".join(each.words) for each in commands if re.search("untrimmed", str(each))]
    snippets = [each for each in documents.blocks(page) if each.language == "python"]
    (snippet,) = (each for each in snippets if "untrimmed" in each.text)
    assert len(own) == 4 and "i3d train" in own[-1]
    for line in [*own[:-1], f"{sys.executable} -c {shlex.quote(snippet.text)}", own[-1]]:
        extra = next((flags for word, flags in small.items() if word in line), ())
        line = re.sub(r"^(python|i3d) ", lambda m: PROGRAM[m[1]], " ".join([line, *extra]))
        done = subprocess.run(
            line,
            shell=True,
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-500:]}\n{done.stderr[-3000:]}"
    log = (tmp_path / "runs/untrimmed/log.jsonl").read_text()
    assert "validation/map" in log


@pytest.mark.slow
def test_from_videos_to_a_tested_tsn(folder):
    pytest.importorskip("torch", reason="PyTorch is not installed: no .pth can be written")
    workshop.write_tsn(folder)
    commands = [each for each in documents.commands("docs/training.md") if not each.inline]
    left = [each for each in commands if re.search(LONG_RUN, " ".join(each.words))]
    printed = [run(each, folder) for each in left]
    train, test = printed[-2][0], " ".join(printed[-1][0].split())
    assert "left out: the head of 400 classes, a new one has 2" in train
    log = [json.loads(x) for x in (folder / "runs/two/log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 112
    assert len([line for line in log if "validation/top1" in line]) == 4
    assert "25 segment(s) x" in test and "10 videos" in test


@pytest.mark.slow
def test_mistakes_are_answered_as_their_page_says(folder):
    build = "python -m data_prep build --videos=clips --streams=rgb --out=data/train_only"
    run(documents.command_of("its data set", build), folder)
    examples = [each for each in documents.commands("docs/mistakes.md") if each.output]
    assert len(examples) >= 10
    for each in examples:
        _, errors = run(each, folder, status=(1, 2))
        assert errors.strip().endswith(each.output.strip()), each
