"""The limited-memory BFGS method."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorwright as tw
from tensorwright import Tensor

from ._optimizer import Optimizer, Params


class _Point(NamedTuple):
    """A point on a line: its place, the loss there, the gradient, and the gradient's part along the line."""

    place: float
    loss: float
    gradient: Tensor
    slope: float


Evaluate = Callable[[float], _Point]


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last gradients (Liu and Nocedal 1989), for losses without noise.

    Args:
        params: parameters; one group only.
        lr: step size, where the line search begins if there is one.
        max_iter: iterations of a step.
        max_eval: evaluations of a step, 5/4 of max_iter by default.
        tolerance_grad: the largest element of the gradient at which a step ends.
        tolerance_change: the smallest change of parameters and loss.
        history_size: how many gradients are remembered.
        line_search_fn: ``"strong_wolfe"`` or None.

    Example:
        >>> w = tw.tensor([1.0], requires_grad=True)
        >>> optimizer = LBFGS([w])
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (w * w).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item(), abs(w.item()) < 1e-6
        (1.0, True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        options: dict[str, Any] = {"lr": lr, "max_iter": max_iter, "max_eval": max_eval or max_iter * 5 // 4}
        options |= {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        options |= {"history_size": history_size, "line_search_fn": line_search_fn}
        super().__init__(params, options)
        if len(self.param_groups) != 1:
            raise ValueError(f"LBFGS: there can be only one group of parameters, got {len(self.param_groups)}")
        self._params: list[Tensor] = self.param_groups[0]["params"]

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn must be 'strong_wolfe' or None, got {options['line_search_fn']!r}")

    # ---- parameters as one vector ------------------------------------------------------------------------

    def _gradient(self) -> Tensor:
        parts = [tw.zeros_like(p) if p.grad is None else p.grad for p in self._params]
        return tw.cat([part.reshape(-1) for part in parts])

    def _move(self, direction: Tensor, distance: float) -> None:
        for p, part in zip(self._params, direction.split([p.numel() for p in self._params]), strict=True):
            p.add_(part.reshape(p.shape) * distance)

    def _line(self, closure: Callable[[], Any], direction: Tensor) -> Evaluate:
        start = [p.clone() for p in self._params]

        def evaluate(place: float) -> _Point:
            self._move(direction, place)
            with tw.enable_grad():
                loss = float(closure())
            gradient = self._gradient()
            for p, value in zip(self._params, start, strict=True):
                p.copy_(value)
            return _Point(place, loss, gradient, float(gradient.dot(direction).item()))

        return evaluate

    # ---- a step ------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Several iterations; ``closure`` computes loss and gradients anew and returns the loss.

        Returns:
            the loss before the step.
        """
        if closure is None:
            raise TypeError("LBFGS.step: needs a closure that computes the loss and its gradients")
        options, state = self.param_groups[0], self.state.setdefault(self._params[0], {})
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with tw.enable_grad():
            first = closure()
        state["func_evals"] += 1
        with tw.no_grad():
            gradient = self._gradient()
            if _largest(gradient) > options["tolerance_grad"]:
                self._iterate(closure, float(first), gradient, options, state)
        return first

    def _iterate(
        self,
        closure: Callable[[], Any],
        loss: float,
        gradient: Tensor,
        options: Mapping[str, Any],
        state: dict[str, Any],
    ) -> None:
        evaluations = 1
        for iteration in range(1, options["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(gradient, options, state)
            state["prev_flat_grad"], state["prev_loss"] = gradient.clone(), loss
            length = options["lr"]
            if state["n_iter"] == 1:
                length *= min(1.0, 1.0 / float(gradient.abs().sum().item()))
            state["d"], state["t"] = direction, length
            slope = float(gradient.dot(direction).item())
            if slope > -options["tolerance_change"]:
                return
            before, used = loss, 0
            if options["line_search_fn"] is not None:
                start = _Point(0.0, loss, gradient, slope)
                line = self._line(closure, direction)
                search = _WolfeSearch(line, start, _largest(direction), options["tolerance_change"])
                found = search.run(length, options["max_eval"] - evaluations)
                loss, gradient, length, used = found.loss, found.gradient, found.place, search.evaluations
                self._move(direction, length)
            else:
                self._move(direction, length)
                if iteration < options["max_iter"]:
                    with tw.enable_grad():
                        loss = float(closure())
                    gradient, used = self._gradient(), 1
            state["t"] = length
            evaluations += used
            state["func_evals"] += used
            moved = _largest(direction) * abs(length)
            if (
                evaluations >= options["max_eval"]
                or _largest(gradient) <= options["tolerance_grad"]
                or moved <= options["tolerance_change"]
                or abs(loss - before) < options["tolerance_change"]
            ):
                return

    @staticmethod
    def _direction(gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> Tensor:
        """Minus the gradient times an approximation of the inverse Hessian, by the two-loop recursion."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        change, moved = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = float(change.dot(moved).item())
        changes, moves, inverse = state["old_dirs"], state["old_stps"], state["ro"]
        if curvature > 1e-10:
            if len(changes) == options["history_size"]:
                for history in (changes, moves, inverse):
                    history.pop(0)
            changes.append(change)
            moves.append(moved)
            inverse.append(1.0 / curvature)
            state["H_diag"] = curvature / float(change.dot(change).item())
        q: Tensor = -gradient
        factors = [0.0] * len(changes)
        for i in reversed(range(len(changes))):
            factors[i] = float(moves[i].dot(q).item()) * inverse[i]
            q = q - changes[i] * factors[i]
        r: Tensor = q * state["H_diag"]
        for i in range(len(changes)):
            r = r + moves[i] * (factors[i] - float(changes[i].dot(r).item()) * inverse[i])
        return r


def _largest(t: Tensor) -> float:
    return float(t.abs().max().item())


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with their slopes is lowest, within bounds (Nocedal and Wright, eq. 3.59)."""
    low, high = bounds or (min(a.place, b.place), max(a.place, b.place))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.place - b.place)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    left, right = (a, b) if a.place <= b.place else (b, a)
    d2 = math.sqrt(square)
    fraction = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
    return min(max(right.place - (right.place - left.place) * fraction, low), high)


class _WolfeSearch:
    """A line search for a point that meets the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5, 3.6)."""

    decrease, flatness = 1e-4, 0.9

    def __init__(self, evaluate: Evaluate, start: _Point, size: float, tolerance: float) -> None:
        self._evaluate, self.start, self.size, self.tolerance = evaluate, start, size, tolerance
        self.evaluations = 0

    def at(self, place: float) -> _Point:
        self.evaluations += 1
        return self._evaluate(place)

    def is_too_high(self, point: _Point) -> bool:
        return point.loss > self.start.loss + self.decrease * point.place * self.start.slope

    def is_flat(self, point: _Point) -> bool:
        return abs(point.slope) <= -self.flatness * self.start.slope

    def run(self, length: float, iterations: int) -> _Point:
        """The point found after at most so many iterations."""
        before, here = self.start, self.at(length)
        count = 0
        while count < iterations:
            if self.is_too_high(here) or (count > 1 and here.loss >= before.loss):
                return self.zoom([before, here], iterations - count)
            if self.is_flat(here):
                return here
            if here.slope >= 0:
                return self.zoom([before, here], iterations - count)
            farther = here.place + 0.01 * (here.place - before.place), here.place * 10
            place = _cubic_minimum(before, here, farther)
            before, here = here, self.at(place)
            count += 1
        return self.start if self.start.loss <= here.loss else here

    def zoom(self, bracket: list[_Point], iterations: int) -> _Point:
        """The better of two points after narrowing the bracket between them."""
        low = 0 if bracket[0].loss <= bracket[1].loss else 1
        stuck = False
        for _ in range(iterations):
            left, right = sorted(point.place for point in bracket)
            if (right - left) * self.size < self.tolerance:
                break
            place = _cubic_minimum(bracket[0], bracket[1])
            margin = 0.1 * (right - left)
            if min(right - place, place - left) < margin:  # too near an end: twice is once too often
                if stuck or place >= right or place <= left:
                    place = right - margin if abs(place - right) < abs(place - left) else left + margin
                    stuck = False
                else:
                    stuck = True
            else:
                stuck = False
            here = self.at(place)
            if self.is_too_high(here) or here.loss >= bracket[low].loss:
                bracket[1 - low] = here
                low = 0 if bracket[0].loss <= bracket[1].loss else 1
                continue
            done = self.is_flat(here)
            if not done and here.slope * (bracket[1 - low].place - bracket[low].place) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = here
            if done:
                break
        return bracket[low]
