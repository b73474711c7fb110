package faults

// fault is a line of the table: what goes wrong, and the tests that show what happens then. A test is named by its package's
// directory, its function and, after a slash, a case that stands in the function's text.
type fault struct {
	what  string
	tests []string
}

type group struct {
	name   string
	faults []fault
}

const (
	dl   = "agent/download."
	rn   = "agent/runner."
	hapi = "backend/httpapi."
	pg   = "backend/postgres."
	proc = "faults."
)

// table is the list of faults that the services survive. TestTable checks it, and docs/faults.md shows it.
var table = []group{
	{"Origin", []fault{
		{
			"503, 500 and 429 storms",
			[]string{
				dl + "TestFetchSurvives/503 storm",
				dl + "TestFetchSurvives/500",
				dl + "TestFetchSurvives/429",
				dl + "TestFetchObeysRetryAfter",
			},
		},
		{"reset in mid-part", []string{dl + "TestFetchSurvives/reset in mid-piece", dl + "TestFetchGoesOnAtTheByteReached/reset"}},
		{"stalled body on a live socket", []string{dl + "TestFetchSurvives/stall in mid-piece", dl + "TestFetchGoesOnAtTheByteReached/stall"}},
		{
			"one slow connection",
			[]string{dl + "TestSlowConnectionIsRestarted", dl + "TestPace", dl + "TestTailIsStolen", dl + "TestWrongBytesInAStolenTail"},
		},
		{
			"short and over-long bodies",
			[]string{
				dl + "TestFetchSurvives/short body, no length",
				dl + "TestFetchSurvives/wrong length announced",
				dl + "TestFetchSurvives/over-long body",
			},
		},
		{"200 to a range request", []string{dl + "TestFetchSurvives/whole object for a range", dl + "TestFetchGivesUp/always the whole object"}},
		{"wrong Content-Range", []string{dl + "TestFetchSurvives/wrong Content-Range", dl + "TestFetchSurvives/no Content-Range"}},
		{
			"wrong bytes",
			[]string{
				dl + "TestFetchSurvives/wrong bytes",
				dl + "TestAWrongPartAloneIsFetchedAgain",
				dl + "TestFetchPartsOfOtherSizesThanPieces",
				dl + "TestAPartThatStaysWrong",
				dl + "TestFetchGivesUp/always wrong bytes",
			},
		},
		{
			"object replaced in mid-download",
			[]string{dl + "TestFetchChangedObjectStartsAgain", dl + "TestResumeChangedObject", dl + "TestFetchGivesUp/412"},
		},
		{"403 of an expired URL", []string{dl + "TestFetchExpiredURL", dl + "TestFetchGivesUp/403 without a fresh URL"}},
		{"fresh URLs without a new byte", []string{dl + "TestFetchFreshURLsAreBounded", dl + "TestFetchRefusesFreshURLElsewhere"}},
		{"404", []string{dl + "TestFetchGivesUp/404"}},
		{"416", []string{dl + "TestFetchGivesUp/416"}},
		{"zero-byte file", []string{dl + "TestFetchSizes", "backend/objectstore.TestEmptyObject"}},
		{"digests of parts that contradict the file's", []string{dl + "TestDigestsOfPartsAreWrong"}},
		{"wrong size", []string{dl + "TestFetchGivesUp/object of another size", dl + "TestFetchContradictions"}},
		{"forbidden redirect", []string{dl + "TestFetchGivesUp/redirect", dl + "TestHostPolicy"}},
		{"Content-Encoding", []string{dl + "TestFetchGivesUp/content encoding"}},
		{"bucket cut off in mid-download", []string{proc + "TestBucketIsCutOff"}},
	}},
	{"Agent host", []fault{
		{
			"SIGTERM",
			[]string{
				proc + "TestAgentTerminatedGivesBack",
				rn + "TestRunReleasesOnStop",
				dl + "TestStopLetsPiecesInFlightEnd",
				dl + "TestResumeAfterStop",
			},
		},
		{
			"SIGKILL anywhere",
			[]string{proc + "TestAgentKilledAnywhere", dl + "TestResumeAfterKill", dl + "TestKillWhileAPartIsFetchedAgain"},
		},
		{
			"disk full",
			[]string{
				proc + "TestFetchToAFullDisk",
				proc + "TestAgentOnAFullDiskLeasesNothing",
				dl + "TestDiskFull",
				dl + "TestDiskFullWithoutLease",
				dl + "TestDiskTooSmallFetchesNothing",
				rn + "TestNoSpaceStopsLeasing",
			},
		},
		{"EIO on fsync", []string{dl + "TestFailedSyncIsNotTriedAgain"}},
		{"torn journal", []string{dl + "TestResumeTornJournal", dl + "TestResumeForeignJournal"}},
		{"wrong bytes in what an earlier fetch left", []string{dl + "TestResumeOverWrongBytes"}},
		{"clock jump", []string{rn + "TestClockJump"}},
		{"credential rotation in mid-job", []string{proc + "TestAgentCredentialsRotate"}},
		{"destination exists, right file", []string{dl + "TestFetchSizes", dl + "TestExistingDestinationIsMadeDurable"}},
		{"destination exists, wrong file", []string{dl + "TestFetchExistingDestination"}},
		{"path traversal", []string{dl + "TestFetchDestination", rn + "TestRunFailuresAreReported"}},
	}},
	commands,
	{"Lease", []fault{
		{
			"agent paused past its lease, then awake",
			[]string{
				proc + "TestAgentPausedPastItsLeaseIsFenced",
				dl + "TestFetchFencedBeforePublishing",
				rn + "TestLeaseDeadline",
				hapi + "TestExpiredLease",
			},
		},
		{
			"two agents on one job",
			[]string{
				proc + "TestTwoAgentsOnOneJobAndOneVolume",
				dl + "TestTwoAtOnce",
				pg + "TestManyClaimersGetEachJobOnce",
				pg + "TestOfConcurrentOutcomesOneIsTaken",
			},
		},
		{
			"lost answer to a lease request",
			[]string{proc + "TestLostAnswers/lease", pg + "TestALostAnswerIsRedelivered", hapi + "TestClientGoneGetsNoLease"},
		},
		{"lost answer to a heartbeat", []string{proc + "TestLostAnswers/heartbeat", rn + "TestRunGivesUpUnrenewedLease"}},
		{
			"lost answer to an outcome",
			[]string{proc + "TestLostAnswers/outcome", rn + "TestRunOutcomeIsRepeated", pg + "TestAnOutcomeIsIdempotentAndAnotherOneConflicts"},
		},
		{"agent cut off from the backend", []string{proc + "TestAgentIsCutOffFromTheBackend"}},
		{"backend restarts in a long poll", []string{proc + "TestBackendRestartsInALongPoll", hapi + "TestDrainEndsLongPolls"}},
		{"answers of the gateway that are no problem documents", []string{proc + "TestNonProblemAnswersOfTheGateway", "client.TestErrors"}},
		{
			"late or reordered heartbeats",
			[]string{pg + "TestOnlyTheSweeperEndsALease", rn + "TestLeaseDeadline", pg + "TestSweepsHeartbeatsAndOutcomesAgree"},
		},
		{"cancel during publish", []string{rn + "TestCancelDuringPublish", pg + "TestCancellationOfALeasedJob"}},
		{"poison job", []string{pg + "TestFailuresBackOffAndThenTheJobIsDead", rn + "TestRunFailuresAreReported"}},
		{
			"herd after an outage",
			[]string{
				proc + "TestDatabaseRestartsUnderLoad",
				pg + "TestAfterAGapTheSweeperWaitsOneLeaseTime",
				pg + "TestBackoffHasFullJitterAndACap",
				"client.TestFullJitter",
			},
		},
	}},
	{"Backend", []fault{
		{"PostgreSQL restarts under load", []string{proc + "TestDatabaseRestartsUnderLoad"}},
		{"PostgreSQL takes everything and answers nothing", []string{proc + "TestDatabaseIsCutOff", proc + "TestDatabaseIsFrozen"}},
		{
			"password rotation under load",
			[]string{pg + "TestARotatedPasswordCostsNoRequest", pg + "TestASecretThatIsAheadOfTheServerIsWaitedFor"},
		},
		{"pool exhaustion", []string{proc + "TestPoolIsExhausted", pg + "TestAnExhaustedPoolIsABoundedWait", pg + "TestWaitsForLocksAreBounded"}},
		{"long transaction that holds xmin", []string{proc + "TestDatabaseRestartsUnderLoad"}},
		{
			"two instances migrate at once",
			[]string{
				pg + "TestTwoInstancesMigrateAtOnce",
				proc + "TestDatabaseRestartsUnderLoad",
				pg + "TestAnOlderBinaryStartsAndWorksOnANewerSchema",
			},
		},
		{"drain on deploy", []string{proc + "TestDeployUnderLoad", "backend/server.TestServeAndDrain"}},
		{"deployment while leases and uploads are under way", []string{proc + "TestDeploymentOfBothServices"}},
		{
			"objects and multipart uploads that belong to no file",
			[]string{
				"backend.TestTheBucketIsTheCatalogueWhereverACallFails",
				"backend/server.TestTheBucketIsSwept",
				hapi + "TestAbort",
				hapi + "TestTwoUploadsOfOneFile",
			},
		},
		{
			"completion that ends in the middle",
			[]string{"backend.TestACompletionGoesOnWithoutItsClient", hapi + "TestCompletionAfterACrash"},
		},
		{"multipart upload that the bucket's rule aborted", []string{"backend.TestAnUploadGoesOnAfterTheBucketAbortedIt"}},
		{
			"answers of the bucket that make no sense",
			[]string{"backend/objectstore.TestNonsenseIsNotAnErrorOfThisService"},
		},
		{
			"two versions of one destination",
			[]string{pg + "TestTheQueueIsItsModel", pg + "TestAnOlderVersionDoesNotReplaceANewerOne"},
		},
		{"history that grows", []string{pg + "TestRetention", pg + "TestRetentionBesideWork"}},
		{
			"old and new release side by side",
			[]string{pg + "TestMigrationsLeaveTheFormerReleaseItsStatements", proc + "TestDeploymentOfBothServices"},
		},
		{"huge body", []string{hapi + "TestBadInput/too large", hapi + "TestBadInput/too large, chunked"}},
		{"slowloris", []string{proc + "TestSlowloris"}},
		{"bucket cut off", []string{proc + "TestBucketIsCutOff", "backend/objectstore.TestUnavailable"}},
		{
			"collector of traces is gone, or hangs",
			[]string{
				proc + "TestCollectorHangs",
				"internal/tracing.TestDeadCollector",
				"internal/tracing.TestWarningsAreRare",
				proc + "TestAJobIsOneTrace",
			},
		},
	}},
}
