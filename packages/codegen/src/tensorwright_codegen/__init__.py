"""Build-time generator of tensorwright: op facets in, kernels, bindings, stubs and reference pages out."""
