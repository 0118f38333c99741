//! The codes of everything that can be wrong in a configuration, each with a page in `docs/errors/`.

use serde::{Serialize, Serializer};

homeostat_vocabulary::codes! {
    /// One kind of mistake.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Code {
        /// The file cannot be read.
        Unreadable = "H0001",
        /// The file is not TOML.
        Syntax = "H0002",
        /// The key does not exist.
        UnknownKey = "H0003",
        /// Another kind of value is expected.
        WrongType = "H0004",
        /// A key that must be there is missing.
        MissingKey = "H0005",
        /// The value is not among the choices.
        NotAChoice = "H0006",
        /// The text cannot be read as what it should be.
        BadFormat = "H0007",
        /// The number is too small or too large.
        OutOfRange = "H0008",
        /// The override names no key.
        BadOverride = "H0009",
        /// The name cannot be used.
        BadName = "H0010",
        /// A service depends on one that is not declared.
        UnknownDependency = "H0011",
        /// Services depend on each other in a circle.
        DependencyCycle = "H0012",
        /// Two want the same port.
        PortTaken = "H0013",
        /// Several instances want the same port.
        PortShared = "H0014",
        /// The placeholder does not exist.
        UnknownPlaceholder = "H0015",
        /// The placeholder stands for a port that is not declared.
        UndeclaredPort = "H0016",
        /// The program cannot be found or run.
        MissingProgram = "H0017",
        /// The working folder does not exist.
        MissingFolder = "H0018",
        /// A secret stands in the open.
        OpenSecret = "H0019",
        /// A secret cannot be read from where it should be kept.
        UnresolvedSecret = "H0020",
        /// The health check does not say what to ask, or says it twice.
        ProbeCount = "H0021",
        /// The address of the health check cannot be read.
        BadAddress = "H0022",
        /// Two bounds contradict each other.
        CrossedBounds = "H0023",
        /// The address is not of this machine alone.
        NotLoopback = "H0024",
        /// No model takes part in decisions yet.
        NoModels = "H0025",
        /// Instances are not scaled by load yet.
        NoScalingByLoad = "H0026",
        /// No service is declared.
        NoServices = "H0027",
        /// The command is written for a shell, and there is none.
        ShellSyntax = "H0028",
        /// A name of the gateway stands for nothing that is declared.
        UnknownReference = "H0029",
        /// A route does not say what to do, or says it twice.
        RouteAction = "H0030",
        /// A route gets no request.
        ShadowedRoute = "H0031",
        /// The weights of a split are all zero.
        NoWeight = "H0032",
        /// The gateway could be reached from other machines, and nobody said that it may.
        PublicListener = "H0033",
        /// An upstream does not say where it is, or says it twice.
        UpstreamSource = "H0034",
        /// A service that requests are to go to has no such port.
        NoServicePort = "H0035",
        /// Settings of the gateway exclude each other, or mean nothing without another.
        GatewayConflict = "H0036",
        /// A file that the gateway reads is not there.
        MissingFile = "H0037",
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
