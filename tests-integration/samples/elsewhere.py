"""What is tested without a row of the table."""

# Public ops without a row, and what tests them.
ELSEWHERE = {
    "index": "written x[...]; packages/tensor-core/tests/test_indexing.py",
    "cpu": "from the meta device it is refused; packages/tensor-core/tests/test_creation_and_copies.py",
    "log_sigmoid": "nn.functional.logsigmoid is its function and has a row",
} | dict.fromkeys(
    [
        "sgd_step", "sgd_momentum_step", "adam_step", "amsgrad_step", "adagrad_step", "adadelta_step", "adamax_step",
        "nadam_step", "radam_step", "rmsprop_step", "rmsprop_full_step", "rprop_step", "asgd_step",
    ],
    "a step of an optimizer; packages/optim/tests/test_trajectories.py",
)  # fmt: skip
