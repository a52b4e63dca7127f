"""What type checkers know of tensors, losses, optimizers and loaders. Checked by mypy and by pyright, never run."""

from __future__ import annotations

from typing import assert_type

import tensorwright as tw
from tensorwright import Tensor, nn, optim
from tensorwright.nn import functional as F

x = tw.ones(2, 3)

# ---- tensors ---------------------------------------------------------------------------------------------

assert_type(x + 1, Tensor)
assert_type(1 / x, Tensor)
assert_type(x @ x.mT, Tensor)
assert_type(x > 0, Tensor)
assert_type(x[0, ..., None], Tensor)
assert_type(x.shape, tw.Size)
assert_type(x.shape[0], int)
assert_type(x.sum(), Tensor)
assert_type(tw.linalg.norm(x), Tensor)
assert_type(tw.cat([x, x], 1), Tensor)
assert_type(x.max(0).values, Tensor)
assert_type(x.add_(1), Tensor)
x.no_such_method()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
tw.no_such_function  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore

# ---- training --------------------------------------------------------------------------------------------

model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
optimizer = optim.Adam(model.parameters(), lr=1e-3)
loss = F.mse_loss(model(x), tw.zeros(2, 1))
assert_type(loss, Tensor)
assert_type(model, nn.Sequential[Tensor])
assert_type(model.eval(), nn.Sequential[Tensor])
loss.backward()
optimizer.step()

# ---- data ------------------------------------------------------------------------------------------------


class Squares(tw.data.Dataset[int]):
    def __getitem__(self, index: int) -> int:
        return index * index

    def __len__(self) -> int:
        return 10


assert_type(Squares()[2], int)
assert_type(len(tw.data.DataLoader(Squares(), batch_size=2)), int)
