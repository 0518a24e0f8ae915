//! Mutants: the protocol with one error each.

/// The machines that expose a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All machines with a buffer that a load may overtake.
    Tso,
    /// Only machines that reorder stores or loads.
    Weak,
    /// None, for this reason.
    Not(&'static str),
}

macro_rules! mutants {
    ($($name:ident, $shown:expr, $what:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant { $($name,)* }

        pub const ALL: &[(Mutant, Shown, &str)] = &[$((Mutant::$name, $shown, $what),)*];
    };
}

use Shown::*;
mutants! {
    NoHeavy, Tso, "the heavy barrier is missing";
    HeavyBeforeAsking, Tso, "the heavy barrier comes before the sweep asks";
    NoCompilerFence, Tso, "the compiler fence is missing: a pop loads top before it stores bottom";
    HeavyIsAFence, Tso, "the heavy barrier affects only the sweep's own CPU";
    FailureIgnored, Tso, "a sweep whose barrier failed takes the items anyway";
    PlaceNotGivenBack, Tso, "a pop that gives up leaves bottom lowered";
    PopBottomRelaxed, Not("stores to one cell stay in order, and the push before it was a Release; C++ requires one here too"), "a pop lowers bottom with Relaxed";
    GiveUpRelaxed, Not("as above"), "a pop that gives up raises bottom with Relaxed";
    PushBottomRelaxed, Weak, "a push raises bottom with Relaxed";
    BottomBeforeItem, Tso, "a push raises bottom before the item is in its place";
    ClaimRelaxed, Weak, "a claim begins with Relaxed";
    ClaimEndRelaxed, Weak, "a claim ends with Relaxed";
    ClaimEndFirst, Tso, "a claim ends before its operations";
    ClaimIgnoresAsking, Tso, "a claim begins although a sweep has asked";
    CloseRelaxed, Not("the heavy barrier comes between it and the taking"), "a sweep asks with Relaxed";
    CloseIgnoresClaim, Tso, "a sweep asks although the owner is inside a claim";
    NotReopened, Tso, "a sweep whose barrier failed leaves its mark";
    ReopenRelaxed, Not("a read-modify-write continues the release sequence before it"), "a sweep reopens with Relaxed";
    TakeLoadRelaxed, Not("the store of the epoch depends on it, and no CPU stores speculatively"), "take looks for ASKED with Relaxed";
    TakeRelaxed, Not("the load before it acquires, and the store that ends the claim releases"), "take claims with Relaxed";
    TakeByStore, Tso, "take doesn't check whether the other side was first";
    TakeBottomRelaxed, Weak, "take loads bottom with Relaxed";
    BottomReadTwice, Tso, "take reads bottom once for the items and once for the new top";
    BottomBelowTop, Tso, "take uses a bottom below top";
    OpenedFirst, Tso, "take opens the slots before it takes";
    TakeEndRelaxed, Weak, "take opens the slots with Relaxed";
    LoadedLeaves, Tso, "take also takes the loaded array itself";
    SpareStays, Tso, "take copies the spare array but leaves it in place";
    StashStays, Tso, "take copies the stash but leaves it in place";
    AskedRelaxed, Not("a stale epoch makes the owner late, not early"), "the owner checks for a request with Relaxed";
    AheadOfWhatIs, Tso, "an owner that answered is one epoch ahead of what it reads afterwards";
    StampedWithEnding, Not("the owner read it after its own puts, so it is correct too"), "items that an owner took out are stamped with the epoch that it read before";
    AnswerTooOld, Tso, "items that an owner took out are stamped one epoch too old";
    AdvancedFirst, Tso, "a sweep drops items older than the next epoch";
    ReservedBefore, Tso, "an owner reserves room before it takes its items out";
    NotReserved, Tso, "an owner reserves no room for the items that it takes out";
    ReleasedAfterRefill, Tso, "the room of a refill is released after the refill";
    TokenRelaxed, Weak, "a sweep takes the token with Relaxed";
    TokenEndRelaxed, Weak, "a sweep returns the token with Relaxed";
}

/// The mutants of the barriers. These are always explored.
pub const BARRIERS: [Mutant; 3] = [Mutant::NoHeavy, Mutant::HeavyBeforeAsking, Mutant::NoCompilerFence];
