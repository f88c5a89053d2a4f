"""
Bindings of the EENet runtime; use them through eenet_rt.
"""

from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import os
import pathlib
import typing

__all__: list[str] = [
    "Alarm",
    "BackendError",
    "BatchResult",
    "BudgetError",
    "BudgetWarning",
    "BundleError",
    "CALIBRATION",
    "ConfigurationError",
    "EenetError",
    "ExitExplanation",
    "ExitPolicy",
    "FORMAT_VERSION",
    "Health",
    "InputError",
    "LARGEST_MANIFEST",
    "LatencySummary",
    "LoadTimeoutError",
    "MANIFEST",
    "NonFiniteError",
    "ProfileWarning",
    "RegressionOutputs",
    "Replacement",
    "Replay",
    "Result",
    "Runtime",
    "SCHEDULES",
    "Schedule",
    "ScheduleError",
    "ScheduleFile",
    "Stats",
    "StreamReplay",
    "answers",
    "check_manifest",
    "device_name",
    "features",
    "load",
    "num_features",
    "parse_schedules",
    "provider_names",
    "providers",
    "put_back",
    "read_schedules",
    "replay",
    "replay_stream",
    "scores",
    "slice_bundle",
]

class EenetError(Exception):
    """
    Base of everything that eenet_rt raises on its own account.
    """

class BundleError(EenetError):
    """
    A bundle is damaged, inconsistent, not understood, or above the memory limit.
    """

class ScheduleError(EenetError):
    """
    A scheduler file or exit policy is malformed or made for another network.
    """

class InputError(EenetError, ValueError):
    """
    An argument does not have the type, dtype, shape, strides or values expected.
    """

class BudgetError(EenetError, ValueError):
    """
    A budget cannot be met, or nothing says what it would cost.
    """

class BackendError(EenetError, RuntimeError):
    """
    ONNX Runtime is missing, too old, or reported a failure.
    """

class NonFiniteError(EenetError, ArithmeticError):
    """
    An exit produced NaN or infinite logits, so that it has no answer.
    """

class ConfigurationError(EenetError, RuntimeError):
    """
    A request contradicts the state of the process, as its number of threads or a fork.
    """

class LoadTimeoutError(EenetError, TimeoutError):
    """
    A load took longer than `load_timeout`.
    """

class BudgetWarning(UserWarning):
    """
    A budget is above the cost of full depth, which then runs.
    """

class ProfileWarning(UserWarning):
    """
    A bundle has no cost profile for this device: it runs, but takes no budget in ms.
    """

class ExitPolicy:
    """
    When to stop: a combiner, a confidence scorer and a threshold per exit.

    Immutable. Exit k leaves when its score is at least its threshold; a threshold of +inf disables the
    exit, the last exit always accepts. See docs/spec/decision-core.md.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> ExitPolicy:
        """
        What `__reduce__` took apart.
        """
    def __init__(
        self,
        num_features: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        scorers: collections.abc.Sequence[tuple[numpy.typing.NDArray[numpy.float32], ...]],
        thresholds: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        *,
        combiner: tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]] | None = None,
        clamp: bool = False,
    ) -> None:
        """
        Assemble a policy; arrays are copied.

        Args:
            num_features: F_k, the number of features of each of the K exits.
            scorers: One tuple of float32 arrays for every exit but the last, with D = F_k + k inputs:
                linear `(weight (1, D) or (D,), bias (1,))`, or with a hidden ReLU layer `(weight (H, D),
                bias (H,), out_weight (1, H) or (H,), out_bias (1,))`.
            thresholds: Number per exit, K of them. The last one is ignored.
            combiner: `(weight (K, K), bias (K, C))`, float32, zero above the diagonal; None: every exit
                answers alone.
            clamp: Clamp scores to [0, 1].

        Raises:
            ScheduleError: If a size is wrong, a weight not finite or a threshold NaN.
            InputError: If an array is not a C-contiguous float32 array.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def with_thresholds(
        self, thresholds: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
    ) -> ExitPolicy:
        """
        The same combiner, scorers and clamp with other thresholds.

        Args:
            thresholds: Number per exit, K of them. The last one is ignored.

        Raises:
            ScheduleError: If they are not K, or one is NaN.
        """
    @property
    def clamp(self) -> bool:
        """
        Whether scores are clamped to [0, 1].
        """
    @property
    def combiner(self) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]] | None:
        """
        `(weight, bias)`, or None.
        """
    @property
    def num_exits(self) -> int:
        """
        Number of exits K.
        """
    @property
    def num_features(self) -> tuple[int, ...]:
        """
        Number of features of each of the K exits, before earlier scores.
        """
    @property
    def scorers(self) -> list[tuple[numpy.typing.NDArray[numpy.float32], ...]]:
        """
        Tuples of arrays as in the constructor, matrices with two axes.
        """
    @property
    def thresholds(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Threshold of each exit, float64 (K,).
        """

class Schedule:
    """
    An exit policy fitted for one budget, and how it was fitted. Immutable.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> Schedule:
        """
        What `__reduce__` took apart.
        """
    def __init__(
        self,
        *,
        policy: str,
        budget: typing.SupportsFloat | typing.SupportsIndex,
        unit: str,
        costs: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        margin: typing.SupportsFloat | typing.SupportsIndex,
        calibration_samples: typing.SupportsInt | typing.SupportsIndex,
        calibration_shares: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        exit_policy: ExitPolicy,
        score_edges: numpy.typing.NDArray[numpy.float32] | None = None,
        score_shares: numpy.typing.NDArray[numpy.float64] | None = None,
        agreement: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None = None,
    ) -> None:
        """
        Put a schedule together; arrays are copied.

        Args:
            policy: Name of the policy: information only.
            budget: Mean cost per sample, in `unit`.
            unit: `ms`, `flops` or `params`.
            costs: Of the K exits.
            margin: Part of the budget held back.
            calibration_samples: Number of samples that set the thresholds.
            calibration_shares: Share of them that left at each exit, K.
            exit_policy: The rule itself.
            score_edges: Borders of the bins of scores at each exit but the last, float32 (K-1, B-1).
            score_shares: Share of the samples that reached an exit in each bin, float64 (K-1, B).
            agreement: Share of the samples leaving at each exit that the last exit answers alike, K.

        Raises:
            ScheduleError: If a value is not what a file of schedules may hold.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def replace(self, **kwargs: typing.Any) -> Schedule:
        """
        The schedule with other values, by the names of the constructor's arguments.

        Raises:
            ScheduleError: As the constructor.
        """
    @property
    def agreement(self) -> numpy.typing.NDArray[numpy.float64] | None:
        """
        Share of the calibration samples leaving at each exit that the last exit answers alike, float64 (K,), or None.
        """
    @property
    def budget(self) -> float:
        """
        Mean cost per sample asked for, in `unit`.
        """
    @property
    def calibration_samples(self) -> int:
        """
        Number of samples that set the thresholds.
        """
    @property
    def calibration_shares(self) -> list[float]:
        """
        Share of the calibration samples that left at each exit.
        """
    @property
    def costs(self) -> list[float]:
        """
        Costs of the K exits that it was fitted for.
        """
    @property
    def exit_policy(self) -> ExitPolicy:
        """
        The rule itself.
        """
    @property
    def margin(self) -> float:
        """
        Part of the budget held back: one-sided 95 % margin of the mean cost.
        """
    @property
    def policy(self) -> str:
        """
        Name of the policy that was fitted: information only.
        """
    @property
    def score_edges(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """
        Borders of the bins of calibration scores at each exit but the last, float32 (K-1, B-1), or None.
        """
    @property
    def score_shares(self) -> numpy.typing.NDArray[numpy.float64] | None:
        """
        Share of the calibration samples that reached an exit in each bin of scores there, float64 (K-1, B), or None.
        """
    @property
    def share(self) -> float:
        """
        The budget as a share of full cost, by the costs that it was fitted for: 0.65 for "65%".
        """
    @property
    def thresholds(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Threshold of each exit, float64 (K,).
        """
    @property
    def unit(self) -> str:
        """
        `ms`, `flops` or `params`.
        """

class ScheduleFile:
    """
    The content of a scheduler file.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> ScheduleFile:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    @property
    def active(self) -> int | None:
        """
        Index of the schedule in force after load; None: full depth.
        """
    @property
    def feature_spec(self) -> int:
        """
        Of their features, a number.
        """
    @property
    def fitted_on(self) -> list[str]:
        """
        Marks of samples that the schedules were fitted on, the smallest; may be none.
        """
    @property
    def network(self) -> str:
        """
        Id of the bundle that the schedules were fitted for.
        """
    @property
    def num_features(self) -> list[int]:
        """
        Number of features of each of the K exits, before earlier scores.
        """
    @property
    def schedules(self) -> list[Schedule]:
        """
        The schedules, by ascending budget.
        """

class Replacement:
    """
    For the tools that write files, not part of the runtime's interface.

    A file or folder that is written under a temporary name and takes its place whole or not at all,
    also where the process is killed or the power fails. A link stays, and what it points to is
    replaced.
    """
    def __init__(self, path: os.PathLike[str] | str, *, folder: bool) -> None:
        """
        Prepare; what killed processes left beside it is mended and removed.

        Args:
            path: A new name, or a file or folder to replace.
            folder: Whether a folder will be written.

        Raises:
            InputError: If something is there that cannot be replaced, as a device or a mount point, or
                nothing can be written beside it.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def discard(self) -> None:
        """
        Remove what is unfinished.
        """
    def publish(self) -> None:
        """
        Put what was written in its place.
        """
    def sync(self) -> None:
        """
        Have the system write what is there to the disk; `publish` does so, too.
        """
    @property
    def temporary(self) -> pathlib.Path:
        """
        Where to write; nothing is there yet.
        """

class RegressionOutputs:
    """
    What exits that regress put out for N samples, as `features`, `scores` and `replay` take it.

    Keeps the arrays, uncopied.
    """
    def __init__(self, values: numpy.ndarray, hidden: collections.abc.Sequence[typing.Any]) -> None:
        """
        Put arrays together.

        Args:
            values: Values of every exit, float32 (N, K, D).
            hidden: Hidden features of each of the K exits, float32 (N, H_k).

        Raises:
            InputError: If an array has a wrong dtype, shape or strides.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    @property
    def hidden(self) -> list[numpy.typing.NDArray[numpy.float32]]:
        """
        Hidden features of each exit, float32 (N, H_k).
        """
    @property
    def values(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Values of every exit, float32 (N, K, D).
        """

class Replay:
    """
    Where logged samples leave under a policy.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> Replay:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def exits(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Exit taken, int64 (N,).
        """
    @property
    def labels(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Class answered there, int64 (N,); of classification.
        """
    @property
    def scores(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Scores of the exits passed, float32 (N, K); NaN where none was computed.
        """
    @property
    def values(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Values answered there, float32 (N, D); of regression.
        """

class StreamReplay:
    """
    Where logged samples leave under schedules that a controller switches.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> StreamReplay:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def exits(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Exit taken, int64 (N,).
        """
    @property
    def labels(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Class answered there, int64 (N,); of classification.
        """
    @property
    def mean_cost(self) -> float:
        """
        Mean cost per sample.
        """
    @property
    def schedules(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Index of the schedule in force for each sample, int64 (N,).
        """
    @property
    def values(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Values answered there, float32 (N, D); of regression.
        """

class ExitExplanation:
    """
    Why an exit accepted a sample or passed it on.

    The score before it is clamped is the sum of the contributions, `others` and `bias`. With a hidden
    layer they are those of the linear map that holds around this sample.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> ExitExplanation:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def accepted(self) -> bool:
        """
        Whether it accepted the sample.
        """
    @property
    def bias(self) -> float:
        """
        What no input of the scorer has a part in.
        """
    @property
    def contributions(self) -> list[tuple[str, float]]:
        """
        The eight largest parts of the score by size, each a name and a value: `p(CLASS)`, `maximum`, `certainty`, `vote`, `margin`; `hidden[I]`, `correction`, `share of the correction`; `score of exit K`. Empty without a score.
        """
    @property
    def exit(self) -> int:
        """
        Index of the exit.
        """
    @property
    def label(self) -> int:
        """
        Index of the class that it answers; of classification.
        """
    @property
    def others(self) -> float:
        """
        Sum of the parts that are not among `contributions`.
        """
    @property
    def score(self) -> float:
        """
        Confidence score; 0 at a disabled exit and at the last one.
        """
    @property
    def threshold(self) -> float:
        """
        The exit accepts a score from here on; inf: it is disabled. The last exit accepts whatever the score.
        """
    @property
    def time_ms(self) -> float:
        """
        Wall time of the segment, its exit head and the decision.
        """
    @property
    def value(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Values that it answers, float32 (D,); of regression.
        """

class Result:
    """
    The answer for one sample. Arrays are copies. Can be copied and pickled.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> Result:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def adapted(self) -> bool:
        """
        Whether its thresholds were adapted to a drift; see `Runtime.watch`.
        """
    @property
    def audit_agrees(self) -> bool | None:
        """
        Whether the last exit answers alike, if the sample left early and was audited; else None. Values are alike that differ by at most half the error scale of the bundle.
        """
    @property
    def audit_label(self) -> int | None:
        """
        What the last exit answers then, in classification; else None.
        """
    @property
    def audit_value(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """
        Likewise in regression, float32 (D,).
        """
    @property
    def backend_ms(self) -> float:
        """
        The part of it inside ONNX Runtime.
        """
    @property
    def batch_size(self) -> int:
        """
        Samples that the times are of: 1, or as many as the batch had that the sample was one of.
        """
    @property
    def class_name(self) -> str:
        """
        Its name; of classification.
        """
    @property
    def complete(self) -> bool:
        """
        Whether an exit of this bundle answered. If not, answer, probabilities and scores are those of its last exit.
        """
    @property
    def exit(self) -> int:
        """
        Index of the exit taken; if not `complete`, of the one that answers so far.
        """
    @property
    def explanations(self) -> list[ExitExplanation]:
        """
        The decision of each exit passed, if `explain` was set; empty at full depth.
        """
    @property
    def handoff(self) -> bytes | None:
        """
        If not `complete`, what `Runtime.resume` goes on with where the rest of the network is; see docs/handoff.md. Else None.
        """
    @property
    def label(self) -> int:
        """
        Index of the answered class; of classification.
        """
    @property
    def latency_ms(self) -> float:
        """
        Wall time from the input check to the answer, without the Python call; in a batch, that of the whole batch: the samples of one ran together, so that none has a time of its own.
        """
    @property
    def logits(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """
        The same of classification, float32 (exit + 1, C), or None.
        """
    @property
    def outputs(self) -> tuple[tuple[numpy.typing.NDArray[numpy.float32], ...], ...] | None:
        """
        What each of the exits passed put out, a tuple of float32 arrays in the manifest's order; None unless `return_outputs` was set.
        """
    @property
    def probabilities(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Probability of each class at the exit taken, float32 (C,); of classification.
        """
    @property
    def probability(self) -> float:
        """
        That of the answered class; of classification.
        """
    @property
    def schedule(self) -> int | None:
        """
        Index of the schedule in force; None under another policy or at full depth.
        """
    @property
    def scores(self) -> tuple[float, ...]:
        """
        Confidence score of each exit passed, the exit taken included (0 for a disabled exit and the last one); empty at full depth.
        """
    @property
    def segment_ms(self) -> list[float]:
        """
        Wall time of each segment run here, its exit head and the decision included; in a batch, that of the whole batch.
        """
    @property
    def stopped_by(self) -> str:
        """
        Why it left there: `policy` (the exit accepted, or is the last one), `max_exit`, `deadline` or `forced_exit`; or `handed_on`, if not `complete`.
        """
    @property
    def value(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Answered values, float32 (D,); of regression.
        """

class BatchResult:
    """
    The answers for the samples of a batch, in the order of the input.

    A sequence of one `Result` a sample, and arrays over all of them. The arrays are copies. A slice is
    a BatchResult of some of the samples. Can be copied and pickled.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> BatchResult:
        """
        What `__reduce__` took apart.
        """
    @typing.overload
    def __getitem__(self, index: typing.SupportsInt | typing.SupportsIndex) -> Result:
        """
        The answer for one sample; its times are those of the whole batch.
        """
    @typing.overload
    def __getitem__(self, index: slice) -> BatchResult:
        """
        The answers for some samples; the times are those of the whole batch.
        """
    def __iter__(self) -> collections.abc.Iterator[Result]: ...
    def __len__(self) -> int: ...
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def adapted(self) -> bool:
        """
        Whether its thresholds were adapted to a drift.
        """
    @property
    def backend_ms(self) -> float:
        """
        The part of it inside ONNX Runtime.
        """
    @property
    def batch_size(self) -> int:
        """
        Samples of the batch that the times are of: more than N in a slice.
        """
    @property
    def class_names(self) -> list[str]:
        """
        Names of these classes, N; of classification.
        """
    @property
    def complete(self) -> numpy.typing.NDArray[numpy.bool]:
        """
        Whether an exit of this bundle answered each sample, bool (N,).
        """
    @property
    def exits(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Index of the exit that each sample took, int64 (N,).
        """
    @property
    def handoffs(self) -> list[bytes | None]:
        """
        As `Result.handoff`, for each sample; None where it is complete.
        """
    @property
    def labels(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Indices of the answered classes, int64 (N,); of classification.
        """
    @property
    def latency_ms(self) -> float:
        """
        Wall time of the whole batch, of `batch_size` samples, from the input check to the last answer, without the Python call.
        """
    @property
    def logits(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """
        The same of classification, float32 (N, K, C); None also without samples.
        """
    @property
    def outputs(self) -> tuple[tuple[numpy.typing.NDArray[numpy.float32], ...], ...] | None:
        """
        What each of the K exits put out, a tuple of float32 arrays (N, ...) in the manifest's order, NaN after the exit taken; None unless `return_outputs` was set.
        """
    @property
    def probabilities(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Probability of each class at the exit taken, float32 (N, C); of classification.
        """
    @property
    def schedule(self) -> int | None:
        """
        Index of the schedule in force; None under another policy or at full depth.
        """
    @property
    def scores(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Confidence scores of the exits passed, the exit taken included, float32 (N, K); NaN where none was computed.
        """
    @property
    def segment_ms(self) -> list[float]:
        """
        Wall time of each segment that was run, exit head and decisions included.
        """
    @property
    def stopped_by(self) -> list[str]:
        """
        Why each sample left where it did, as in `Result`.
        """
    @property
    def values(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        Answered values, float32 (N, D); of regression.
        """

class LatencySummary:
    """
    Wall times of one kind; None where there are no records.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> LatencySummary:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def count(self) -> int:
        """
        Number of samples.
        """
    @property
    def mean_ms(self) -> float | None:
        """
        Mean.
        """
    @property
    def p50_ms(self) -> float | None:
        """
        Median, to 2 %.
        """
    @property
    def p90_ms(self) -> float | None:
        """
        90 % quantile, to 2 %.
        """
    @property
    def p99_ms(self) -> float | None:
        """
        99 % quantile, to 2 %.
        """

class Stats:
    """
    What a Runtime has done since it was loaded or reset. Runs with a `forced_exit` are left out.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> Stats:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def count(self) -> int:
        """
        Number of samples that left at an exit.
        """
    @property
    def exits(self) -> list[int]:
        """
        Number of samples that left at each exit.
        """
    @property
    def mean_cost(self) -> float | None:
        """
        Mean cost per sample by the cost table in force; None without one or without samples.
        """
    @property
    def mean_latency_ms(self) -> float | None:
        """
        Mean wall time; None without samples, as the quantiles.
        """
    @property
    def p50_ms(self) -> float | None:
        """
        Median wall time, to 2 %.
        """
    @property
    def p90_ms(self) -> float | None:
        """
        90 % quantile of the wall time, to 2 %.
        """
    @property
    def p99_ms(self) -> float | None:
        """
        99 % quantile of the wall time, to 2 %.
        """
    @property
    def segments(self) -> list[LatencySummary]:
        """
        Wall time per sample in each segment, its exit head and the decision included; in a batch, an equal part of its time.
        """
    @property
    def stops(self) -> dict[str, int]:
        """
        Number of samples by why they left: `policy`, `max_exit`, `deadline`; and `handed_on`, which no other figure counts but the times of segments.
        """

class Alarm:
    """
    Samples are not, or no longer, like those that a schedule was calibrated on. `str()` says it in one line.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> Alarm:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def __str__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def evidence(self) -> float:
        """
        At least `false_alarm_interval`.
        """
    @property
    def exit(self) -> int:
        """
        The exit; with `exits` the one whose share is furthest off.
        """
    @property
    def expected(self) -> float:
        """
        That share, on the calibration set.
        """
    @property
    def expected_range(self) -> tuple[float, float]:
        """
        Where that of the population may lie, by the size of the calibration set.
        """
    @property
    def sample(self) -> int:
        """
        Samples watched until the alarm.
        """
    @property
    def schedule(self) -> int:
        """
        Index of the schedule that was in force.
        """
    @property
    def scores(self) -> tuple[float, float] | None:
        """
        With `scores`, those whose share is furthest off: from the first up to, but without, the second. Else None.
        """
    @property
    def seen(self) -> float:
        """
        That of the latest samples.
        """
    @property
    def watched(self) -> str:
        """
        What is off: `exits` (shares of samples leaving at each), `scores` (shares of samples in each bin of scores at an exit) or `agreement` (of audited answers with the last exit's).
        """

class Health:
    """
    What a watch has seen since it began.
    """
    @staticmethod
    def _from_state(state: tuple[typing.Any, ...]) -> Health:
        """
        What `__reduce__` took apart.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def to_dict(self) -> dict[str, typing.Any]:
        """
        Every property by its name, as plain Python values: arrays become lists, numbers that are not finite None.

        Ready for `json.dumps`, but for hand-offs, which stay bytes.
        """
    @property
    def adaptations(self) -> int:
        """
        Number of times that thresholds were set anew.
        """
    @property
    def agreement(self) -> list[float | None]:
        """
        Share of the audited samples leaving at each exit but the last that the last exit answers alike; None without audits.
        """
    @property
    def alarms(self) -> list[Alarm]:
        """
        The latest alarms, 64 at most, oldest first.
        """
    @property
    def audits(self) -> int:
        """
        Number of samples audited.
        """
    @property
    def evidence(self) -> float:
        """
        The most evidence that anything watched gives of a change; an alarm comes at `false_alarm_interval`.
        """
    @property
    def exit_shares(self) -> list[float]:
        """
        Of the latest 512 samples or somewhat more; empty before the first 64.
        """
    @property
    def expected_agreement(self) -> list[float | None]:
        """
        On the calibration set; None without audits, or if the bundle does not say.
        """
    @property
    def expected_exit_shares(self) -> list[float]:
        """
        As planned by the schedules that were in force for these samples.
        """
    @property
    def expected_mean_cost(self) -> float | None:
        """
        As planned.
        """
    @property
    def mean_audit_cost(self) -> float | None:
        """
        What audits add to the mean cost of a sample; None without samples.
        """
    @property
    def mean_cost(self) -> float | None:
        """
        Of these samples, in the unit of the schedules; None without samples.
        """
    @property
    def rollbacks(self) -> int:
        """
        Number of times that the watch put the schedule's own thresholds back.
        """
    @property
    def samples(self) -> int:
        """
        Number of samples watched.
        """
    @property
    def status(self) -> str:
        """
        `unwatched`, `healthy`, `drifted` (an alarm was raised and is not over) or `adapted` (adapted thresholds are in force).
        """
    @property
    def thresholds(self) -> list[float] | None:
        """
        Adapted ones in force, else None.
        """

class Runtime:
    """
    A loaded bundle, ready to answer. Made by `load`.

    Thread-safe: as many samples or batches run at a time as there are threads calling. Does not survive a fork.
    A context manager, which closes it at the end.
    """
    def __enter__(self) -> Runtime: ...
    def __exit__(self, kind: typing.Any, error: typing.Any, traceback: typing.Any) -> None: ...
    def __reduce__(self) -> tuple[typing.Any, ...]: ...
    def __repr__(self) -> str: ...
    def close(self) -> None:
        """
        Let go of what was loaded. Does nothing where it is closed.

        Calls under way on other threads come to their end, and the memory is freed with the last of them.
        Later calls raise ConfigurationError.
        """
    def health(self) -> Health:
        """
        What the watch has seen.
        """
    def infer(
        self,
        x: numpy.typing.NDArray[typing.Any] | dict[str, numpy.typing.NDArray[typing.Any]],
        *,
        policy: ExitPolicy | None = ...,
        forced_exit: typing.SupportsInt | typing.SupportsIndex | None = None,
        max_exit: typing.SupportsInt | typing.SupportsIndex | None = None,
        deadline_ms: typing.SupportsFloat | typing.SupportsIndex | None = None,
        costs: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None = None,
        return_outputs: bool = False,
        explain: bool = False,
        handoff_dtype: str = "float32",
    ) -> Result:
        """
        Answer one sample.

        Thread-safe; the GIL is released while it computes, and Ctrl-C in the main thread ends it. The input
        is copied, never converted.

        Args:
            x: Preprocessed input without a batch axis: a C-contiguous array of the dtype and shape in
                `inputs`, or a dict with one for each name.
            policy: When to stop. Left out: the schedule or controller in force. None: full depth, where the
                last exit answers alone.
            forced_exit: Leave at exactly this exit, whatever the scores, heads and scoring included: for
                measuring what it costs. Such runs are not counted in `stats`.
            max_exit: Leave at this exit at the latest.
            deadline_ms: Time from the call on. A segment that would miss it by the 95 % quantile of its
                recent times (`segment_p95_ms`) is not begun, and the deepest exit passed answers:
                `Result.stopped_by` is then `deadline`. Where that time has been in the way for a quarter of
                a second, one call is let through, late or not, to see whether it still holds; where it does,
                the next one after twice as long, up to a minute.
            costs: What this sample costs if it leaves at each of the K exits, where that depends on the
                sample, as on the length of a text: what `stats` and a controller book. In the unit of
                `Runtime.costs`, which they stand in for.
            return_outputs: Copy what every exit passed puts out into the result.
            explain: Take the decisions of the exits passed apart, see `Result.explanations`.
            handoff_dtype: How `float32` tensors travel where the sample is handed on: as they are, or
                rounded to `float16`. See `Result.handoff`.

        Raises:
            InputError: If an input has a wrong dtype, shape, strides or a NaN or infinite value, an exit is
                not one of the network's, `deadline_ms` is not positive, or `forced_exit` came with
                `max_exit` or `deadline_ms`; or `float16` does not hold a number of a hand-off.
            ConfigurationError: If the bundle is a slice without the first exit.
            BudgetError: If not even the first exit would keep the deadline.
            NonFiniteError: If an exit put out NaN or infinite numbers.
            BackendError: If ONNX Runtime failed.
        """
    def infer_batch(
        self,
        x: numpy.typing.NDArray[typing.Any] | dict[str, numpy.typing.NDArray[typing.Any]],
        *,
        policy: ExitPolicy | None = ...,
        forced_exit: typing.SupportsInt | typing.SupportsIndex | None = None,
        max_exit: typing.SupportsInt | typing.SupportsIndex | None = None,
        costs: numpy.typing.NDArray[numpy.float64] | None = None,
        return_outputs: bool = False,
        explain: bool = False,
        handoff_dtype: str = "float32",
    ) -> BatchResult:
        """
        Answer a batch; each sample leaves at its own exit.

        After an exit only the samples that stay are computed further. Thread-safe; the GIL is released
        while it computes, and Ctrl-C in the main thread ends it. The input is copied, never converted.
        Memory grows with the largest batch so far and is kept.

        Args:
            x: Preprocessed input as for `infer`, with the batch axis in front: 1 to `max_batch` samples.
            policy: As for `infer`; one schedule for the whole batch.
            forced_exit: As for `infer`.
            max_exit: As for `infer`.
            costs: As for `infer`, of each sample, float64 (N, K).
            return_outputs: As for `infer`.
            explain: As for `infer`; the explanations are in the items of the result.
            handoff_dtype: As for `infer`.

        Returns:
            The answers in the order of the input: what `infer` answers one by one, but for the last bits
            of what exits put out, which may move a sample whose score is next to a threshold.

        Raises:
            InputError: As `infer`.
            NonFiniteError: If an exit put out NaN or infinite numbers for one of the samples.
            BackendError: If ONNX Runtime failed, or there is no memory for the batch.
        """
    def preprocess(self, images: numpy.typing.NDArray[numpy.uint8]) -> numpy.typing.NDArray[numpy.float32]:
        """
        Make the input of `infer` or `infer_batch` out of images, as the bundle declares.

        The same numbers, to the bit, as in training and export.

        Args:
            images: uint8 (H, W, C), or (N, H, W, C) for a batch; channels in the order of
                `preprocessing["color"]`. Of any size where the bundle declares how to resize, else of
                `preprocessing["size"]`.

        Returns:
            float32 (C, H, W), or (N, C, H, W).

        Raises:
            InputError: If the images have another dtype, shape or size, or the bundle declares
                preprocessing that is not of images, or that this version does not know.
        """
    def reset_stats(self) -> None:
        """
        Start counting anew.
        """
    def reset_thresholds(self) -> None:
        """
        Put the schedule's own thresholds back. The watch goes on, and may adapt them again.
        """
    def resume(
        self,
        handoff: bytes | bytearray | memoryview,
        *,
        policy: ExitPolicy | None = ...,
        forced_exit: typing.SupportsInt | typing.SupportsIndex | None = None,
        max_exit: typing.SupportsInt | typing.SupportsIndex | None = None,
        deadline_ms: typing.SupportsFloat | typing.SupportsIndex | None = None,
        costs: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None = None,
        return_outputs: bool = False,
        explain: bool = False,
        handoff_dtype: str = "float32",
    ) -> Result:
        """
        Go on with a sample that another machine handed on, as if it had begun here.

        Same exits, same logits, same scores; see docs/handoff.md. Nothing is changed by it, so that a retry
        is safe. The policy is the one that the sample began with, its thresholds included, whatever is in
        force here. Thread-safe; the GIL is released while it computes.

        Args:
            handoff: `Result.handoff` of a slice of the same network.
            policy: Left out: the schedule of this bundle with the scorers and combiner that the sample
                began with. An ExitPolicy in its place must have the same; the thresholds are the
                hand-off's.
            forced_exit: As for `infer`, from the next exit on.
            max_exit: As for `infer`, from the next exit on.
            deadline_ms: As for `infer`, from this call on.
            costs: As for `infer`; of all exits.
            return_outputs: As for `infer`; of the exits passed elsewhere, what has travelled: logits.
            explain: As for `infer`, for the exits passed here.
            handoff_dtype: As for `infer`, where this bundle hands on in turn.

        Raises:
            InputError: If the hand-off is damaged, of another version or another network, or an option is
                wrong as for `infer`.
            ConfigurationError: If the bundle does not hold the next exit, or has no schedule for the sample.
            BudgetError: If not even the next exit would keep the deadline.
            NonFiniteError: If an exit put out NaN or infinite numbers.
            BackendError: If ONNX Runtime failed.
        """
    def set_budget(
        self,
        budget: float | str,
        *,
        horizon: typing.SupportsInt | typing.SupportsIndex | None = None,
        window: typing.SupportsInt | typing.SupportsIndex | None = None,
        neighbours: typing.SupportsInt | typing.SupportsIndex | None = 1,
    ) -> Schedule | None:
        """
        Put the schedule with the largest budget that does not exceed `budget` in force.

        Takes effect with the next sample, without a reload, on every thread. With a horizon or window a
        controller keeps the mean cost of the samples from now on at the budget, whatever the data, by
        switching between schedules (paper, "Adapting to Dynamic Budget Settings"; see `replay_stream`).
        Calls of `infer` with a policy or forced exit of their own are not in its account. A batch runs under
        one schedule.

        Args:
            budget: Mean cost per sample: a share of full cost such as `"65%"`, at most `"100%"`, which
                means the same on every device, or a number in the unit of the schedules, ms unless they
                say otherwise. On a device without costs shares count by those that the schedules were
                fitted for.
            horizon: Samples over which the budget is to hold; after them a new horizon starts, into which a
                surplus or debt carries over.
            window: Samples over which a surplus or debt is to be worked off, or the samples left of the
                horizon where those are fewer. One of the two or both make a controller.
            neighbours: Number of schedules that a controller may use on either side of the one that it
                starts from; None: all.

        Returns:
            The schedule in force, the one that a controller starts from: its `budget` and `share` may be
            below what was asked for, as that of 65 % for "67%" where 70 % is the next. None if the budget is
            above the full cost and full depth is in force, with a BudgetWarning.

        Raises:
            BudgetError: If the budget cannot be met (with the feasible range), with a controller also if it
                is above the full cost, or nothing says what this device takes.
            InputError: If the budget is neither, or `horizon`, `window` or `neighbours` is out of range.
        """
    def stats(self) -> Stats:
        """
        What was done since the load or the last `reset_stats`.
        """
    def unwatch(self) -> None:
        """
        End the watch, and put the schedule's own thresholds back.
        """
    def watch(
        self,
        *,
        false_alarm_interval: typing.SupportsFloat | typing.SupportsIndex = 1000000.0,
        audit_share: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        on_alarm: collections.abc.Callable[[Alarm], typing.Any] | None = None,
        adapt: bool = False,
        seed: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None:
        """
        Watch the samples from now on, without their labels, in place of an earlier watch.

        Exit shares and scores are compared with those of the calibration set by a sequential test, see
        docs/monitoring.md. Calls with a policy or a forced exit of their own, and full depth, are not
        watched.

        Args:
            false_alarm_interval: As long as samples are like those of the calibration set, the mean number
                of them until an alarm is at least this.
            audit_share: Share of the samples that leave early which run to the last exit all the same, to
                see whether it agrees: the answer is the early one, but the call takes longer.
            on_alarm: Called with an `Alarm` by the thread whose sample brought it, before its call
                returns; it may call anything. What it raises goes to `sys.unraisablehook`. A function that
                refers to the runtime keeps it alive until `unwatch`. None: a line in the log `eenet_rt`.
            adapt: Set thresholds anew when samples drift, so that exit shares are again those planned, and
                put the schedule's own back when these would do, or when the new ones do no better.
            seed: Chooses which samples are audited.

        Raises:
            InputError: If `false_alarm_interval` or `audit_share` is out of range.
            ConfigurationError: If the bundle has no schedules, or `adapt` is set and a controller or full
                depth is in force, or the bundle is a slice that hands samples on.
        """
    @property
    def budgets(self) -> list[float] | None:
        """
        Budget that each schedule keeps under the costs in force: its own where the costs are those it was fitted for, else its expected cost plus a 95 % margin. None without costs.
        """
    @property
    def class_names(self) -> list[str]:
        """
        Names of the C classes; empty without classes.
        """
    @property
    def closed(self) -> bool:
        """
        Whether `close` was called.
        """
    @property
    def costs(self) -> list[float] | None:
        """
        Cost of a sample leaving at each exit, in the unit of the schedules (ms without any); None if no profile fits this device.
        """
    @property
    def exits(self) -> range:
        """
        The exits that the bundle holds, a range.
        """
    @property
    def id(self) -> str:
        """
        Identity of the segments, SHA-256 in hex.
        """
    @property
    def inputs(self) -> dict[str, tuple[str, tuple[int | str, ...]]]:
        """
        Name of each input to its dtype and shape without the batch axis; a name in a shape is a dimension that each sample may choose.
        """
    @property
    def max_batch(self) -> int:
        """
        Most samples that `infer_batch` takes.
        """
    @property
    def model(self) -> str:
        """
        Registry name of the network.
        """
    @property
    def num_classes(self) -> int:
        """
        Number of classes C; 0 without classes.
        """
    @property
    def num_exits(self) -> int:
        """
        Number of exits K of the network, of which a slice holds some.
        """
    @property
    def parameters(self) -> list[int]:
        """
        Number of parameters up to and including each exit.
        """
    @property
    def parent(self) -> str | None:
        """
        Id of the whole network's bundle, where this one is a slice of it; else None.
        """
    @property
    def preprocessing(self) -> dict[str, typing.Any]:
        """
        What is done to raw input before `infer`, by `preprocess` or the caller; see docs/spec/format.md.
        """
    @property
    def profile(self) -> dict[str, typing.Any] | None:
        """
        The cost profile in force, as in the manifest, or None.
        """
    @property
    def provider(self) -> str:
        """
        Where segments run: the first of the providers asked for.
        """
    @property
    def provider_version(self) -> str:
        """
        Name and version of the inference library.
        """
    @property
    def schedule(self) -> Schedule | None:
        """
        The schedule in force, under a controller the one for the next sample; None: full depth.
        """
    @property
    def schedules(self) -> list[Schedule]:
        """
        The schedules, by ascending budget.
        """
    @property
    def segment_p95_ms(self) -> list[float]:
        """
        95 % quantile of the last 256 times of each segment on single samples, exit head and decision included: what deadlines are kept by. Of fewer than 20 the median; at first from the warm-up at load.
        """
    @property
    def static_cost(self) -> float | None:
        """
        Cost of the network without early exits, if it was measured.
        """
    @property
    def surplus(self) -> float | None:
        """
        What the controller has left over, in the unit of the schedules, negative for a debt; None without a controller.
        """
    @property
    def target_names(self) -> list[str]:
        """
        Names of the D values of regression; else empty.
        """
    @property
    def task(self) -> str:
        """
        `classification` or `regression`.
        """
    @property
    def threads(self) -> int:
        """
        Threads that compute one sample.
        """

def answers(
    outputs: numpy.typing.NDArray[numpy.float32] | RegressionOutputs,
    combine: tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]] | None = None,
) -> numpy.ndarray:
    """
    Compute what each exit answers.

    Args:
        outputs: As for `features`.
        combine: As for `features`.

    Returns:
        Class indices, int64 (N, K), the lowest among equals; of regression values, float32 (N, K, D).

    Raises:
        InputError: If an array has a wrong dtype, shape or strides.
        NonFiniteError: If a number is NaN or infinite; names sample and exit.
    """

def check_manifest(data: bytes) -> None:
    """
    For the tools that rewrite bundles: whether `load` takes a manifest.

    Args:
        data: Contents of a `manifest.json`.

    Raises:
        BundleError: If it does not.
    """

def device_name(provider: str = "cpu") -> str:
    """
    Name of what this machine's times depend on: the `device` of a measured profile.

    The processor, on Arm the board; the power mode of a Jetson; and the GPU, where a provider of
    NVIDIA's computes on one.

    Args:
        provider: One of `provider_names()`, which need not be here.

    Raises:
        InputError: If there is no such provider.
    """

def features(
    outputs: numpy.typing.NDArray[numpy.float32] | RegressionOutputs,
    combine: tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]] | None = None,
) -> list[numpy.typing.NDArray[numpy.float32]]:
    """
    Compute the scorers' inputs but for the earlier scores.

    Args:
        outputs: Logits of every exit, float32 (N, K, C), or `RegressionOutputs`.
        combine: `(weight (K, K), bias (K, C))`, float32, of classification; None: every exit alone.

    Returns:
        An array (N, F_k) per exit. Of classification (feature spec 1, F_k = C + 4): the probabilities,
        the largest of them, 1 + sum p ln p / ln C, the vote, and the margin between the two largest
        probabilities. Of regression (feature spec 3, F_k = H_k + 2): the hidden features, the distance
        of the values to those of the exit before, and its share of their size, at most 1.

    Raises:
        InputError: If an array has a wrong dtype, shape or strides.
        NonFiniteError: If a number is NaN or infinite; names sample and exit.
    """

def load(
    path: os.PathLike[str] | str,
    *,
    budget: float | str | None = None,
    threads: typing.SupportsInt | typing.SupportsIndex = 1,
    cost_profile: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None = None,
    providers: collections.abc.Sequence[str | tuple[str, dict[str, str | int]]] = ("cpu",),
    load_timeout: typing.SupportsFloat | typing.SupportsIndex | None = None,
    memory_limit: typing.SupportsInt | typing.SupportsIndex | None = 4294967296,
) -> Runtime:
    """
    Load a bundle: check every file of it, open the segments, choose a schedule.

    Segments are run here for the first time. Whoever made the bundle says what they do: hashes prove
    that it is whole, not where it comes from (docs/spec/format.md). Ctrl-C in the main thread ends the
    load.

    Args:
        path: The folder `NAME.eenet`.
        budget: Mean cost per sample, as `Runtime.set_budget`. None: the bundle's active schedule.
        threads: Threads that compute one sample. The first load of a process fixes it.
        cost_profile: Milliseconds of a sample leaving at each exit, K numbers, in place of the
            bundle's profiles.
        providers: What computes, in order of preference, each a name or (name, {option: value}):
            `cpu`, `openvino`, or `onnxruntime:NAME`, as docs/providers.md lists them;
            `eenet_rt.providers()` has those that are here. What none of them can run is an error, so
            add `cpu` as the last one where it may take over.
        load_timeout: Seconds that the load may take; None: as long as it likes. With ONNX Runtime
            before 1.22 the opening of a segment cannot be ended, only what comes before and after it.
        memory_limit: Bytes that the load may take; None: what there is. Counted before they are taken:
            the segments' files, the largest file once more, and the tensors of the largest sample. On
            Linux also watched: what the process grows by meanwhile, whoever makes it grow.

    Raises:
        BundleError: If the bundle is damaged, inconsistent, not understood, or above the memory limit.
        LoadTimeoutError: If it was not loaded in time.
        ScheduleError: If its schedules are malformed or made for another network.
        BudgetError: If the budget cannot be met.
        BackendError: If ONNX Runtime or a provider is missing or too old, or refuses a segment.
        ConfigurationError: If the process already runs with another number of threads, or was forked
            from one that had loaded a bundle.
        InputError: If `cost_profile` does not fit the network, or a provider or an option of one is
            unknown.

    Warns:
        ProfileWarning: If no profile fits this device, so that budgets in ms are refused.
        BudgetWarning: If the budget is above the full cost, so that full depth runs.
    """

def num_features(num_classes: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Number of features of an exit before the scores of earlier exits, in classification.

    A scorer of exit k has k more inputs. Class probabilities come first, then maximum, certainty, vote
    and margin; see docs/spec/decision-core.md.
    """

def parse_schedules(data: bytes) -> ScheduleFile:
    """
    As `read_schedules`, of bytes that were read already.

    Args:
        data: Contents of a `scheduler.safetensors`.

    Raises:
        ScheduleError: If they are not valid.
    """

def provider_names() -> list[str]:
    """
    Names of all providers that `load` takes, whether or not they are here.
    """

def providers() -> dict[str, dict[str, str]]:
    """
    List the providers that `load` can be asked for here.

    Whether a device that one needs works is only known when it is asked for.

    Returns:
        Name of each to a dictionary: `backend`, the library that has it; `official_name`, that
        library's own name of it; `version` of that library; `library`, the file that holds it.

    Raises:
        BackendError: If ONNX Runtime is missing or too old.
    """

def put_back(path: os.PathLike[str] | str) -> bool:
    """
    Of a path where nothing is: put it back if a killed process had moved it aside.

    Returns:
        Whether it is there now, or somebody at work may be about to put it there.
    """

def read_schedules(path: os.PathLike[str] | str) -> ScheduleFile:
    """
    Read and check a scheduler file, without its bundle.

    Args:
        path: A `scheduler.safetensors`.

    Raises:
        ScheduleError: If the file cannot be read or is not valid.
    """

def replay(outputs: numpy.typing.NDArray[numpy.float32] | RegressionOutputs, policy: ExitPolicy | None) -> Replay:
    """
    Run a policy over logged outputs: the code that `Runtime.infer` runs.

    Args:
        outputs: As for `features`.
        policy: When to stop; None: full depth, where the last exit answers alone.

    Raises:
        InputError: If an array has a wrong dtype, shape or strides, or they do not fit the policy.
        NonFiniteError: If a number is NaN or infinite; names sample and exit.
    """

def replay_stream(
    outputs: numpy.typing.NDArray[numpy.float32] | RegressionOutputs,
    schedules: collections.abc.Sequence[Schedule],
    budget: float | str,
    *,
    costs: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None = None,
    sample_costs: numpy.typing.NDArray[numpy.float64] | None = None,
    horizon: typing.SupportsInt | typing.SupportsIndex | None = None,
    window: typing.SupportsInt | typing.SupportsIndex | None = None,
    neighbours: typing.SupportsInt | typing.SupportsIndex | None = 1,
) -> StreamReplay:
    """
    Run schedules over logged outputs in order, switching between them to keep a budget.

    Before each sample, what it may cost is computed from what those before it did cost: the budget, plus
    the surplus so far (a debt is negative) divided by the samples left of the horizon or by the window,
    whichever is shorter.
    The schedule with the closest budget is in force for it, the lower of two as close.

    Args:
        outputs: Of every exit in the order of the stream, as for `features`.
        schedules: For one network and in one unit.
        budget: Mean cost per sample to be realised, as `Runtime.set_budget` takes it.
        costs: Costs of the K exits; the schedules then count as what their exit shares cost under them,
            margin included. None: those that the schedules were fitted for.
        sample_costs: What each sample costs if it leaves at each exit, float64 (N, K), where that depends
            on the sample: what is booked in place of `costs`.
        horizon: Samples over which the budget is to hold; after them a new horizon starts, into which a
            surplus or debt carries over.
        window: Samples over which a surplus or debt is to be worked off. At least one of `horizon` and
            `window`; with both, the budget holds over the horizon and a change of the data is met in time.
        neighbours: Number of schedules that may be used on either side of the one with the largest
            budget <= `budget`; None: all.

    Raises:
        InputError: If an array has a wrong dtype, shape or strides, or the schedules do not fit them
            or each other, or `costs`, `horizon`, `window` or `neighbours` is out of range.
        BudgetError: If the budget is below what the lowest schedule keeps, or above the full cost.
        NonFiniteError: If a number is NaN or infinite; names sample and exit.
    """

def scores(
    outputs: numpy.typing.NDArray[numpy.float32] | RegressionOutputs, policy: ExitPolicy
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Compute the confidence score of every exit, as emitted, without stopping.

    Args:
        outputs: As for `features`.
        policy: The scorers, and which exits are disabled.

    Returns:
        Scores, float32 (N, K); 0 at disabled exits and at the last one.

    Raises:
        InputError: If an array has a wrong dtype, shape or strides, or they do not fit the policy.
        NonFiniteError: If a number is NaN or infinite; names sample and exit.
    """

def slice_bundle(
    path: os.PathLike[str] | str,
    begin: typing.SupportsInt | typing.SupportsIndex,
    end: typing.SupportsInt | typing.SupportsIndex,
    out: os.PathLike[str] | str,
) -> None:
    """
    Write the part of a bundle that holds exits `begin` .. `end - 1`, a bundle itself.

    For one of several machines that share the work; see docs/handoff.md. Segments and schedules are
    copied byte for byte, each checked; calibration data stays behind. A slice may be sliced again.

    Args:
        path: The folder of the bundle.
        begin: First exit, counted in the whole network.
        end: One after the last exit.
        out: The folder to write, a new name: complete or not at all.

    Raises:
        InputError: If the bundle does not hold such exits, or they are the whole network, or `out` is
            taken.
        BundleError: If the bundle is damaged or cannot be cut there, or the slice cannot be written.
    """

CALIBRATION: str = "calibration.safetensors"
FORMAT_VERSION: int = 1
LARGEST_MANIFEST: int = 16777216
MANIFEST: str = "manifest.json"
SCHEDULES: str = "scheduler.safetensors"
__version__: str = "0.1.0"
