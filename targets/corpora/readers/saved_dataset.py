"""Reader of datasets saved by Hugging Face's save_to_disk: Arrow files beside state.json.

The Arrow files are read by pyarrow as the tables that they are. `datasets` is not needed: nothing
that a dataset says about itself is imported, unpickled or run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from targets.core.errors import OverheardError
from targets.corpora import fields
from targets.corpora.entry import Entry, Problem
from targets.corpora.fields import FieldError
from targets.corpora.names import Names, Source
from targets.corpora.readers.audio_folder import KEYS
from targets.corpora.rows import of_array
from targets.speech.audio import AudioError, Recording, read_audio, read_bytes

_STATE, _SPLITS = "state.json", "dataset_dict.json"
_MOST_STATE = 1 << 24  # bytes
_OWN = frozenset((*KEYS.own, "audio_file_name"))


class SavedDataset:
    """A dataset saved with save_to_disk, or several, one a split."""

    def recognises(self, path: Path) -> bool:
        """Tell whether `path` holds the state of a saved dataset, or the list of its splits."""
        return path.is_dir() and any((path / name).is_file() for name in (_STATE, _SPLITS))

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what every row states; rows are counted from 1 within their file."""
        _pyarrow()
        files: list[_File] = []
        for item in _files(path):
            if isinstance(item, Problem):
                yield item
            else:
                files.append(item)
        paths = Counter(p for file in files for p in _paths(file) if p)
        names = Names(path, map(Source, paths))
        for file in files:
            yield from _entries(path, file, names, paths)


class _File(NamedTuple):
    """An Arrow file, and the split that its dataset is."""

    path: Path
    split: str | None


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise OverheardError(
            "a saved dataset is read by pyarrow, which is not installed: "
            "pip install overheard[datasets]"
        ) from None
    return pyarrow


def _files(path: Path) -> Iterator[_File | Problem]:
    """Yield the Arrow files of all splits."""
    folders = [path]
    if (path / _SPLITS).is_file():
        said = _json(path / _SPLITS)
        splits = said.get("splits") if isinstance(said, dict) else None
        if not isinstance(splits, list) or not all(map(_is_name, splits)):
            yield Problem(path / _SPLITS, None, "names no splits", "save the dataset again")
            return
        folders = [path / split for split in splits]
    for folder in folders:
        state = folder / _STATE
        if not state.is_file():
            yield Problem(state, None, "missing", "save the dataset again")
            continue
        said = _json(state)
        said = said if isinstance(said, dict) else {}
        listed = said.get("_data_files")
        files = (
            [f.get("filename") for f in listed or () if isinstance(f, dict)]
            if (isinstance(listed, list))
            else []
        )
        named = [name for name in files if isinstance(name, str) and _is_name(name)]
        if not named or len(named) < len(listed or ()):
            yield Problem(state, None, "names no Arrow files", "save the dataset again")
        elif said.get("_indices_files") or said.get("_indices_data_files"):
            remedy = "call flatten_indices(), and save the dataset again"
            yield Problem(state, None, "its rows are chosen by another table", remedy)
        else:
            split = folder.name if folder != path else said.get("_split")
            split = fields.split_of(split) if isinstance(split, str) else None
            yield from (_File(folder / name, split) for name in named)


def _is_name(value: object) -> bool:
    """Tell whether a value names something inside a folder."""
    return isinstance(value, str) and bool(value) and Path(value).name == value


def _json(file: Path) -> Any:
    """Return what a small JSON file says, None where it is none."""
    if file.stat().st_size > _MOST_STATE:
        return None
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return None


def _batches(file: Path) -> Iterator[Any]:
    """Yield the batches of rows of an Arrow file, whose values lie in the file.

    Raises:
        FieldError: it is no Arrow file, or a broken one.
    """
    pa = _pyarrow()
    if not file.is_file():
        raise FieldError("missing", "copy the dataset again")
    try:
        with pa.memory_map(str(file)) as source:
            if source.read(6) == b"ARROW1":
                source.seek(0)
                table = pa.ipc.open_file(source)
                found = (table.get_batch(i) for i in range(table.num_record_batches))
            else:
                source.seek(0)
                found = iter(pa.ipc.open_stream(source))
            for batch in found:
                batch.validate(full=True)  # of a file that nobody here wrote
                yield batch
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise FieldError(f"no Arrow file, or a broken one ({reason})", "copy it again") from None


def _column(batch: Any) -> str | None:
    return next((name for name in KEYS.audio if name in batch.schema.names), None)


def _paths(file: _File) -> Iterator[str | None]:
    """Yield the path that each row states of its audio; None where it states none."""
    try:
        for batch in _batches(file.path):
            for audio in _audio_of(batch, but="bytes"):
                path = audio.get("path") if isinstance(audio, dict) else audio
                yield path if isinstance(path, str) else None
    except FieldError:
        return


def _audio_of(batch: Any, but: str) -> list[Any]:
    """Return what the column of audio says, but for one field of it."""
    pa = _pyarrow()
    name = _column(batch)
    if name is None:
        return []
    column = batch.column(name)
    if not pa.types.is_struct(column.type):
        return column.to_pylist() if pa.types.is_string(column.type) else [None] * len(column)
    kept = [f.name for f in column.type if f.name not in (but, "array")]
    return [
        {name: value.as_py() for name, value in zip(kept, values, strict=True)}
        for values in zip(*(column.field(k) for k in kept), strict=True)
    ]


def _entries(
    folder: Path, file: _File, names: Names, paths: Mapping[str, int]
) -> Iterator[Entry | Problem]:
    number = 0
    try:
        for batch in _batches(file.path):
            name = _column(batch)
            if name is None:
                has = ", ".join(batch.schema.names)
                raise FieldError(f"no column of audio (there is {has})", 'name it "audio"')
            others = [other for other in batch.schema.names if other != name]
            for place, row in enumerate(batch.select(others).to_pylist()):
                number += 1
                cell = batch.column(name)[place]
                try:
                    yield _entry(folder, file, number, row, cell, names, paths)
                except FieldError as error:
                    yield Problem(file.path, number, str(error), error.remedy)
    except FieldError as error:
        yield Problem(file.path, None, str(error), error.remedy)


def _entry(
    folder: Path,
    file: _File,
    number: int,
    row: dict[str, Any],
    cell: Any,
    names: Names,
    paths: Mapping[str, int],
) -> Entry:
    text = next((row[k] for k in KEYS.text if isinstance(row.get(k), str)), None)
    if text is None:
        raise FieldError("no text", 'name the column of transcripts "text"')
    speaker = fields.name(
        row, KEYS.speaker, "speaker", 'name the column "speaker": splits are by speaker'
    )
    path = _path(cell)
    if row.get("id") not in (None, ""):
        identity = fields.name(row, ("id",), "id", "correct it")
    elif path:
        identity = names.of(Source(path))
        identity += f"@{number}" if paths[path] > 1 else ""
    else:
        identity = f"{file.split or folder.resolve().name}-{file.path.stem}-{number}"
    return Entry(
        file=file.path,
        line=number,
        id=identity,
        speaker=speaker,
        text=text,
        read=partial(_sound, folder, cell, f"{file.path}, row {number}"),
        split=file.split,
        attributes=fields.attributes(row, _OWN),
    )


def _path(cell: Any) -> str | None:
    """Return the path that a cell of audio states, without touching its bytes."""
    said = cell.get("path", None) if hasattr(cell, "keys") else cell
    path = said.as_py() if hasattr(said, "as_py") else None
    return path if isinstance(path, str) else None


def _sound(folder: Path, cell: Any, name: str) -> Recording:
    """Read the audio of a cell: bytes, an array, or the path of a file.

    Raises:
        AudioError: it holds none, or no good audio.
    """
    said = cell.as_py()
    if isinstance(said, dict):
        if isinstance(said.get("bytes"), bytes):
            return read_bytes(said["bytes"], name=name)
        if said.get("array") is not None:
            return of_array(said)
        said = said.get("path")
    if not isinstance(said, str) or not said:
        raise AudioError(f"{name} has no audio", "save the dataset with its audio")
    if "://" in said:
        raise AudioError(f"{name}: {said[:60]} is an address", "download it; only files are read")
    return read_audio(folder / said)
