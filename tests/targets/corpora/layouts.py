"""A good corpus of every layout, and the same sound in every container."""

import gzip
import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import soundfile


def whole(folder):
    """Write a good corpus of every layout into folders of their own."""
    tone = (0.3 * np.sin(np.arange(4800) * 0.2)).astype("f4")
    wav = io.BytesIO()
    soundfile.write(wav, tone, 16_000, format="WAV")

    def put(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    row = {"audio": "a.wav", "text": "yes", "speaker": "s", "split": "train", "duration": 0.3}
    put("manifest/manifest.jsonl", json.dumps(row) + "\n")
    put("array/manifest.json", json.dumps([row, {**row, "id": "b"}], indent=1))
    put("kaldi/wav.scp", "r a.wav\n")
    put("kaldi/text", "u yes no\nv no\n")
    put("kaldi/segments", "u r 0 0.2\nv r 0.1 -1\n")
    put("kaldi/utt2spk", "u a\nv b\n")
    put("voice/train.tsv", "client_id\tpath\tsentence\ns\ta.wav\tYes!\n")
    put("folder/metadata.csv", 'file_name,text,speaker\na.wav,"Yes, it is",s\n')
    put("libri/train-clean-5/84/12/84-12.trans.txt", "84-12-0000 YES IT IS\n")
    cut = {
        "id": "c",
        "start": 0,
        "duration": 0.3,
        "channel": 0,
        "type": "MonoCut",
        "supervisions": [{"start": 0, "duration": 0.3, "text": "yes", "speaker": "a"}],
        "recording": {"sources": [{"type": "file", "channels": [0], "source": "a.wav"}]},
    }
    put("cuts/cuts.jsonl.gz", gzip.compress(json.dumps(cut).encode(), mtime=0))
    cut["recording"]["sources"][0]["type"] = "shar"
    put("shar/cuts.000000.jsonl.gz", gzip.compress(json.dumps(cut).encode(), mtime=0))
    put("nemo/manifest.json", json.dumps({**row, "shard_id": 0}))
    for name, member in (("shar/recording.000000.tar", "c.wav"), ("nemo/audio_0.tar", "a.wav")):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as file:
            info = tarfile.TarInfo(member)
            info.size = len(wav.getvalue())
            file.addfile(info, io.BytesIO(wav.getvalue()))
        put(name, tar.getvalue())
    for name in ("manifest", "array", "kaldi", "voice/clips", "folder", "cuts"):
        put(f"{name}/a.wav", wav.getvalue())
    put("libri/train-clean-5/84/12/84-12-0000.wav", wav.getvalue())
    for kind in ("WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "SVX", "FLAC", "OGG", "MP3"):
        data = io.BytesIO()
        soundfile.write(data, tone, 16_000, format=kind)
        put(f"audio-{kind}/a.wav", data.getvalue())
        put(f"audio-{kind}/manifest.jsonl", json.dumps(row))
    saved(folder / "saved", wav.getvalue())
    return sorted(p for p in folder.iterdir() if p.is_dir())


AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def saved(folder, wav, splits=("train", "test"), **columns):
    """Save two rows a split as Hugging Face's save_to_disk does."""
    folder.mkdir(parents=True)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    for split in splits:
        (folder / split).mkdir()
        content = {
            "audio": pa.array([{"bytes": wav, "path": f"{split}{i}.wav"} for i in (0, 1)], AUDIO),
            "text": pa.array(["yes", "no"]),
            "speaker": pa.array([f"{split}-a", f"{split}-b"]),
            **columns,
        }
        table = pa.table(content)
        name = "data-00000-of-00001.arrow"
        place = str(folder / split / name)
        with pa.OSFile(place, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        state = {"_data_files": [{"filename": name}], "_split": split, "_format_type": None}
        (folder / split / "state.json").write_text(json.dumps(state))
        (folder / split / "dataset_info.json").write_text("{}")
    return folder
