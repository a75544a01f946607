// group-share — who reduces a group of neighbouring elements: one invocation alone, or (TREE) the workgroup together.
// Barriers are what short groups would cost on a software adapter (layer norm of 192 features is 20 times as fast without
// them on lavapipe); long groups are shared, which is what a GPU needs. The length of a group alone decides. TREE needs lib/tree.

// Two functions, not a struct: the compiler must see that the group is the same for a workgroup that shares one.
fn group_of(workgroup: u32, invocation: u32) -> u32 {
  //#if TREE
  return workgroup;
  //#else
  return workgroup * WG + invocation;
  //#end
}

// Which of its sharers an invocation is.
fn lane_of(invocation: u32) -> u32 {
  //#if TREE
  return invocation;
  //#else
  return 0u;
  //#end
}

// Invocations per group: each takes every so-many-th element.
fn sharers() -> u32 {
  //#if TREE
  return WG;
  //#else
  return 1u;
  //#end
}

fn shared_sum(lane: u32, value: f32) -> f32 {
  //#if TREE
  return tree_sum(lane, value);
  //#else
  return value;
  //#end
}
