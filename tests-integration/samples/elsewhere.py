"""What is tested without a row of the table."""

# Public ops without a row, and what tests them.
ELSEWHERE = {
    "index": "written x[...]; packages/tensor-core/tests/test_indexing.py",
    "cpu": "from the meta device it is refused; packages/tensor-core/tests/test_creation_and_copies.py",
    "log_sigmoid": "nn.functional.logsigmoid is its function and has a row",
}
