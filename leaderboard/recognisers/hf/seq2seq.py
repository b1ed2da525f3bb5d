"""Models that write label after label: Whisper, Moonshine, Canary and their like.

The decoder is given a prompt, then writes the transcript, then an end. The prompt is what
`transformers` has it begin with: for Whisper <|startoftranscript|>, of multilingual ones the
language and <|transcribe|>, and <|notimestamps|>; for others a start label, or what their processor
says. The likelihood of a text is of its labels and of the end after them, given the prompt, whose
own labels are not counted.

Whisper begins a transcript with a space, and most trainings of it do not. Both are the same words,
so a text is as likely there as the two spellings together.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from leaderboard.recognisers.base import UnheardError
from leaderboard.recognisers.hf.labels import labels_of
from leaderboard.recognisers.hf.load import Loaded
from targets.models.whisper.checkpoint import FIRST_MULTILINGUAL
from targets.speech.utterance import Samples

LANGUAGE = "en"  # where neither the person nor the model names one
LABELS_A_SECOND = 20  # of decoding, where the model itself sets no limit
LABELS_MORE = 16


@dataclass(frozen=True, eq=False)
class Seq2SeqHead:
    """What such a model writes, and how likely a text is: see `Head`."""

    loaded: Loaded
    name: str
    language: str
    _keys: list[Any] = field(default_factory=list, repr=False)

    @property
    def encodes_first(self) -> bool:
        """Whether what it hears is what the encoder makes of it, and nothing else."""
        return self._is_whisper

    def hear(self, inputs: Any) -> dict[str, Any]:
        """Return the model's input; of Whisper, whose encoder is the dear part, what that makes."""
        if not self.encodes_first:
            return dict(inputs)
        return {"encoder_outputs": self.loaded.model.get_encoder()(**inputs)}

    def write(self, heard: dict[str, Any], seconds: float) -> str:
        """Return what the model writes when it is not drawing labels at random."""
        limit = self.loaded.model.generation_config.max_length
        more: dict[str, Any] = {}
        if limit is None or limit == 20:  # the library's own default, which cuts most sentences
            more["max_new_tokens"] = _enough(seconds)
        return self._written(heard, **more, do_sample=False)

    def draw(self, heard: dict[str, Any], seconds: float) -> str:
        """Return what the model writes when every label is drawn from all that it may write.

        It ends where speech of such a length would: at random, some models never stop.
        """
        limit = self.loaded.model.generation_config.max_length or math.inf
        # What follows the prompt; its few labels are not counted by the library.
        labels = int(min(_enough(seconds), limit))
        drawn = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "num_beams": 1}
        return self._written(heard, **drawn, max_new_tokens=labels)

    def log_likelihood(self, heard: dict[str, Any], text: str) -> Tensor:
        """Return the log-probability () of a text and its end.

        Raises:
            UnheardError: the text is longer than the decoder can write.
        """
        model, device = self.loaded.model, self.loaded.device
        prompt = self._prompt(heard)
        spellings = self._spellings(text)
        longest, most = _longest(model.config), max(map(len, spellings))
        if longest is not None and len(prompt) + most - 1 > longest:
            raise UnheardError(
                f"{self.name}: the transcript has {most} labels, and the decoder holds "
                f"{longest} with its prompt: cut the utterance"
            )
        more = {k: v for k, v in heard.items() if k != "decoder_input_ids"}
        found = []
        for wanted in spellings:
            given = torch.tensor([prompt + wanted[:-1]], device=device)
            logits = model(**more, decoder_input_ids=given, **self._attending(heard)).logits
            log_probs = logits[0, len(prompt) - 1 :].double().log_softmax(-1)
            found.append(log_probs.gather(1, torch.tensor(wanted, device=device)[:, None]).sum())
        return torch.stack(found).logsumexp(0)

    def prepared(self, audio: Samples) -> Any:
        """Return the model's input of audio; of those that are told a task, with the prompt."""
        processor = self.loaded.processor
        if hasattr(processor, "apply_transcription_request"):
            return processor.apply_transcription_request(audio, source_language=self._language)
        asks = hasattr(processor, "get_decoder_prompt_ids") and not self._is_whisper
        told = {"language": self._language} if asks else {}
        return self.loaded.heard(audio, **told)

    @property
    def longest_audio(self) -> float:
        """How many seconds it hears at most: Whisper, as many as its positions."""
        samples = getattr(self.loaded.processor.feature_extractor, "n_samples", None)
        return samples / self.loaded.rate if self._is_whisper and samples else math.inf

    def _attending(self, heard: dict[str, Any]) -> dict[str, Any]:
        """Return what has the decoder keep its keys of a sound, for further texts about it."""
        if not self._is_whisper or torch.is_grad_enabled():
            return {"use_cache": False}
        from transformers import DynamicCache, EncoderDecoderCache

        if not self._keys or self._keys[0] is not heard:
            self._keys[:] = [heard, DynamicCache()]
        kept = EncoderDecoderCache(DynamicCache(), self._keys[1])
        named = inspect.signature(self.loaded.model.forward).parameters
        return {"cache" if "cache" in named else "past_key_values": kept, "use_cache": True}

    def _written(self, heard: dict[str, Any], **how: Any) -> str:
        written = self.loaded.model.generate(**heard, **self._told, **how)
        return str(self.loaded.processor.batch_decode(written, skip_special_tokens=True)[0])

    def _prompt(self, heard: dict[str, Any]) -> list[int]:
        if "decoder_input_ids" in heard:
            return [int(label) for label in heard["decoder_input_ids"][0]]
        if self._is_whisper:
            names = ["<|startoftranscript|>"]
            if self._is_multilingual:
                names += [f"<|{self._language}|>", "<|transcribe|>"]
            return [self._label(name) for name in [*names, "<|notimestamps|>"]]
        config = self.loaded.model.generation_config
        start = config.decoder_start_token_id
        return [int(config.bos_token_id if start is None else start)]

    def _spellings(self, text: str) -> list[list[int]]:
        """Return the labels, and the end, of each way to write a text: for Whisper two."""
        texts = [f" {text}", text] if self._is_whisper and text else [text]
        found = [labels_of(self.loaded.tokenizer, written, self.name) for written in texts]
        # Once, where a tokenizer adds the space by itself.
        return [[*labels, self._end] for labels in dict.fromkeys(map(tuple, found))]

    def _label(self, name: str) -> int:
        tokenizer = self.loaded.tokenizer
        found = tokenizer.convert_tokens_to_ids(name)
        if found is None or tokenizer.convert_ids_to_tokens(found) != name:
            raise UnheardError(f"{self.name}: its tokenizer has no {name}: name another language")
        return int(found)

    @property
    def _told(self) -> dict[str, str]:
        # Settings that older versions of the library wrote have no table of languages.
        told = hasattr(self.loaded.model.generation_config, "lang_to_id")
        if self._is_whisper and self._is_multilingual and told:
            return {"language": self._language, "task": "transcribe"}
        return {}

    @property
    def _language(self) -> str:
        """The language by its code: settings, and people, also write `hindi` and `<|hi|>`."""
        config = self.loaded.model.generation_config
        told = self.language or getattr(config, "language", None) or LANGUAGE
        if not self._is_whisper:
            return str(told)
        from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

        code = str(told).lower().removeprefix("<|").removesuffix("|>")
        return str(TO_LANGUAGE_CODE.get(code, code))

    @property
    def _is_whisper(self) -> bool:
        return self.loaded.model.config.model_type == "whisper"

    @property
    def _is_multilingual(self) -> bool:
        model = self.loaded.model
        large = model.config.vocab_size >= FIRST_MULTILINGUAL
        return bool(getattr(model.generation_config, "is_multilingual", large))

    @property
    def _end(self) -> int:
        end = self.loaded.model.generation_config.eos_token_id
        return int(end[0] if isinstance(end, list | tuple) else end)


def _enough(seconds: float) -> int:
    """Return how many labels speech of a length has at most."""
    return math.ceil(LABELS_A_SECOND * seconds) + LABELS_MORE


def _longest(config: Any) -> int | None:
    """Return how many labels the decoder holds, where it says so."""
    for part in (getattr(config, "decoder", None), getattr(config, "decoder_config", None), config):
        for key in ("max_target_positions", "max_position_embeddings"):
            found = getattr(part, key, None)
            if isinstance(found, int):
                return found
    return None
