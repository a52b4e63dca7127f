"""An actor and a critic learn to balance a pole on a cart (Barto, Sutton and Anderson 1983).

The environment is written out below. The actor's step is that of REINFORCE (Williams 1992) with the critic's estimate
as baseline. `--short` plays 150 episodes.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np
import tensorwright as tw
import tensorwright.nn.functional as F
from tensorwright import Tensor, nn

LONGEST = 200  # steps of an episode
DISCOUNT = 0.98


class CartPole:
    """Position, speed, angle and angular speed of a pole on a cart that is pushed left or right, in SI units."""

    gravity, cart, pole, half_length, force, interval = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.state = np.zeros(4)

    def reset(self) -> np.ndarray:
        """The state at the beginning of an episode."""
        self.state = self.random.uniform(-0.05, 0.05, 4)
        return self.state

    def step(self, right: bool) -> tuple[np.ndarray, bool]:
        """The next state, and whether the pole has fallen or the cart has left the track."""
        speed, angle, spin = self.state[1:]
        push = self.force if right else -self.force
        total, moment = self.cart + self.pole, self.pole * self.half_length
        shared = (push + moment * spin**2 * math.sin(angle)) / total
        turning = self.gravity * math.sin(angle) - math.cos(angle) * shared
        turning /= self.half_length * (4.0 / 3.0 - self.pole * math.cos(angle) ** 2 / total)
        acceleration = shared - moment * turning * math.cos(angle) / total
        self.state = self.state + self.interval * np.array([speed, acceleration, spin, turning])
        return self.state, abs(self.state[0]) > 2.4 or abs(self.state[2]) > math.radians(12)


class ActorCritic(nn.Module):
    """States [N, 4] to the logits of both actions [N, 2], and to what is still to be gained [N]."""

    def __init__(self) -> None:
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
        self.critic = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1), nn.Flatten(0))

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(states), self.critic(states)


def play(model: ActorCritic, environment: CartPole) -> tuple[Tensor, Tensor, bool]:
    """The states of an episode [T, 4], what was done in them [T], and whether it ended with a fall."""
    states, fallen = [environment.reset()], False
    actions: list[int] = []
    while not fallen and len(actions) < LONGEST:
        with tw.no_grad():
            logits = model.actor(tw.tensor(states[-1], dtype=tw.float32))
        actions.append(int(tw.distributions.Categorical(logits=logits).sample().item()))
        state, fallen = environment.step(bool(actions[-1]))
        states.append(state)
    return tw.tensor(np.stack(states[:-1]), dtype=tw.float32), tw.tensor(actions), fallen


def returns(length: int, fallen: bool, rest: float) -> Tensor:
    """What was gained from each step on, a point a step; `rest` is what was still to come when time was up."""
    gained, total = [], 0.0 if fallen else rest
    for _ in range(length):
        total = 1.0 + DISCOUNT * total
        gained.append(total)
    return tw.tensor(gained[::-1])


def train(episodes: int) -> float:
    """The mean length of the last 20 episodes."""
    tw.manual_seed(0)
    environment, model = CartPole(0), ActorCritic()
    optimizer = tw.optim.Adam(model.parameters(), lr=1e-2)
    lengths: list[int] = []
    for episode in range(episodes):
        states, actions, fallen = play(model, environment)
        logits, values = model(states)
        gained = returns(len(actions), fallen, values[-1].item()) * (1 - DISCOUNT)  # in [0, 1]
        advantage = gained - values.detach()
        chosen = logits.log_softmax(1).gather(1, actions[:, None]).squeeze(1)
        loss = -(chosen * advantage).mean() + F.mse_loss(values, gained)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lengths.append(len(actions))
        if episode % 25 == 24:
            print(f"episode {episode + 1}: {np.mean(lengths[-25:]):.1f} steps")
    return float(np.mean(lengths[-20:]))


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, and give the mean length of episodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="150 episodes")
    return train(episodes=150 if parser.parse_args(arguments).short else 600)


if __name__ == "__main__":
    main()
