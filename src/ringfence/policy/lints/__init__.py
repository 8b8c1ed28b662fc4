"""What is legal in a policy but unwise, by subject. `ringfence.policy.lint` lists and runs them."""
