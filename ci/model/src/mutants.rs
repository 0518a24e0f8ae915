//! The protocol broken in one way each.

/// Which machine, or which scenarios, show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// With any buffer that a load may overtake.
    Tso,
    /// Only where stores or loads may change places.
    Weak,
    /// Not here, for this reason.
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
    HeavyBeforeAsking, Tso, "the heavy barrier comes before the asking";
    NoCompilerFence, Tso, "the compiler fence is missing: a pop loads top before it stores bottom";
    HeavyIsAFence, Tso, "the heavy barrier is one of the sweep's own CPU only";
    FailureIgnored, Tso, "a sweep whose barrier failed takes the items all the same";
    PlaceNotGivenBack, Tso, "a pop that gives up leaves bottom lowered";
    PopBottomRelaxed, Not("stores to one cell stay in order, and the push below it was a Release; C++ wants one here too"), "a pop lowers bottom with Relaxed";
    GiveUpRelaxed, Not("as above"), "a pop that gives up raises bottom with Relaxed";
    PushBottomRelaxed, Weak, "a push raises bottom with Relaxed";
    BottomBeforeItem, Tso, "a push raises bottom before the item is in its place";
    ClaimRelaxed, Weak, "a claim begins with Relaxed";
    ClaimEndRelaxed, Weak, "a claim ends with Relaxed";
    ClaimEndFirst, Tso, "a claim ends before what is done in it";
    ClaimIgnoresAsking, Tso, "a claim begins though a sweep has asked";
    CloseRelaxed, Not("the heavy barrier comes between it and the taking"), "a sweep asks with Relaxed";
    CloseIgnoresClaim, Tso, "a sweep asks though the owner is inside a claim";
    NotReopened, Tso, "a sweep whose barrier failed leaves its mark";
    ReopenRelaxed, Not("a read-modify-write hands on what the Release before it did"), "a sweep reopens with Relaxed";
    TakeLoadRelaxed, Not("the store of the epoch depends on it, and no CPU stores before it knows that it has to"), "take looks for ASKED with Relaxed";
    TakeRelaxed, Not("the load before it acquires, and the store that ends the claim releases"), "take claims with Relaxed";
    TakeByStore, Tso, "take doesn't look whether the other side came first";
    TakeBottomRelaxed, Weak, "take loads bottom with Relaxed";
    BottomReadTwice, Tso, "take reads bottom once for the items and once for the new top";
    BottomBelowTop, Tso, "take goes by a bottom below top";
    OpenedFirst, Tso, "take opens the slots before it takes";
    TakeEndRelaxed, Weak, "take opens the slots with Relaxed";
    LoadedLeaves, Tso, "take takes the loaded array away with its items";
    SpareStays, Tso, "take leaves the spare array where it is as well";
    StashStays, Tso, "take leaves the stash where it is as well";
    AskedRelaxed, Not("an epoch that was read too old makes the owner late, not early"), "the owner looks whether it is asked with Relaxed";
    AheadOfWhatIs, Tso, "an owner that answered is one epoch ahead of what it reads after";
    StampedWithEnding, Not("the owner read it after its own puts, so it is as true a stamp"), "what an owner took out is stamped with the epoch that it read before";
    AnswerTooOld, Tso, "what an owner took out is stamped one epoch too old";
    AdvancedFirst, Tso, "a sweep drops what is older than the next epoch";
    ReservedBefore, Tso, "an owner reserves room before it takes its items out";
    NotReserved, Tso, "an owner reserves no room for what it takes out";
    ReleasedAfterRefill, Tso, "the room of a refill is released after the refill";
    TokenRelaxed, Weak, "a sweep takes the token with Relaxed";
    TokenEndRelaxed, Weak, "a sweep returns the token with Relaxed";
}

/// The pair of barriers, broken: explored every time.
pub const BARRIERS: [Mutant; 3] = [Mutant::NoHeavy, Mutant::HeavyBeforeAsking, Mutant::NoCompilerFence];
