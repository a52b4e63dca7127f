"""Writers of generated code: C++ of the core, Python bindings, stubs, reference pages, the coverage table."""
