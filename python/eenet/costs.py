"""What the exits of a network cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import eenet_rt

_KEY = ("device", "provider", "precision", "threads", "batch")


@dataclass(frozen=True)
class CostProfile:
    """Measured or computed cost of each exit; see ``docs/spec/format.md`` for the fields."""

    UNSTEADY: ClassVar[float] = 1.3  # spread from which on other work ran beside the measurement

    unit: str
    costs: tuple[float, ...]
    static: float | None = None
    device: str | None = None
    provider: str | None = None
    precision: str | None = None
    threads: int | None = None
    batch: int | None = None
    spread: float | None = None

    @property
    def unsteady(self) -> bool:
        """Whether other work disturbed the measurement."""
        return self.spread is not None and self.spread > self.UNSTEADY

    @property
    def steady(self) -> bool:
        """Whether the costs were measured, which those given by hand were not, and no other work disturbed that."""
        return self.spread is not None and not self.unsteady

    @classmethod
    def of_this_device(
        cls,
        costs: Sequence[float],
        threads: int,
        precision: str,
        *,
        static: float | None = None,
        provider: str = "cpu",
    ) -> CostProfile:
        """Milliseconds, under the key by which the runtime finds them on this device in a bundle of that precision."""
        device = eenet_rt.device_name(provider)
        return cls("ms", tuple(map(float, costs)), static, device, provider, precision, threads, 1)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> CostProfile:
        """A profile of a manifest.

        Raises:
            KeyError, TypeError, ValueError: it is malformed.
        """
        static = entry["static"]
        costs = tuple(float(cost) for cost in entry["costs"])
        profile = cls(str(entry["unit"]), costs, None if static is None else float(static))
        if profile.unit != "ms":
            return profile
        device, provider, precision = (str(entry[name]) for name in ("device", "provider", "precision"))
        threads, batch = int(entry["threads"]), int(entry["batch"])
        spread = None if entry.get("spread") is None else float(entry["spread"])
        return replace(
            profile, device=device, provider=provider, precision=precision, threads=threads, batch=batch, spread=spread
        )

    def same_key(self, entry: dict[str, Any]) -> bool:
        """Whether a profile of a manifest is for the same unit, device, provider, precision, threads and batch."""
        return all(entry.get(name) == getattr(self, name) for name in ("unit", *_KEY))

    def found_in(self, entries: Sequence[dict[str, Any]]) -> CostProfile | None:
        """The profile of a manifest that has the same key as this one, if there is one; raises as `from_json`."""
        return next((self.from_json(entry) for entry in entries if self.same_key(entry)), None)

    def to_json(self) -> dict[str, Any]:
        """The object of the manifest; a profile that holds everywhere has no key."""
        value: dict[str, Any] = {"unit": self.unit, "costs": list(self.costs), "static": self.static}
        names = (*_KEY, "spread")
        return value | {name: getattr(self, name) for name in names if getattr(self, name) is not None}
