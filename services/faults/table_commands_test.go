package faults

// commands are what goes wrong around the agent's output directory and the commands that people run.
var commands = group{"Files and commands of people", []fault{
	{"foreign files in the output directory", []string{
		rn + "TestRetentionRemovesOnlyWhatAgentsPublished", rn + "TestDiskPressureTakesThePublishedFilesOnly",
		rn + "TestForeignFilesAreReportedAtStart",
	}},
	{"mount point below the output directory", []string{proc + "TestFetchBelowAMountPoint"}},
	{"link or file in the way of a destination", []string{dl + "TestDestinationsThatCannotTakeAFile"}},
	{"upload ended by the bucket, or by another", []string{
		proc + "TestUploadAfterTheBucketEndedIt", up + "TestResumeAfterTheBucketEndedTheUpload", up + "TestAnotherUploadIsFaster",
	}},
	{"Ctrl-C during a completion", []string{up + "TestResumeAfterAnInterruptedCompletion"}},
	{"file changes its size during the upload", []string{up + "TestFileChangesSizeDuringTheUpload"}},
	{"FIFO or device for a file", []string{cl + "TestSpecialFilesAreRefused"}},
	{"one bad file of several", []string{cl + "TestOneBadFileDoesNotStopTheOthers", cl + "TestUnreadableFileOfATree"}},
	{"two fetches of one file at once", []string{cl + "TestFetchOfOneFileTwice", dl + "TestFileAppearsDuringAFetch"}},
	{"text that commands a terminal", []string{cl + "TestNothingThatCommandsATerminal"}},
	{"names that are not UTF-8", []string{cl + "TestNamesThatAreNotUTF8"}},
	{"output that cannot be written", []string{cl + "TestOutputThatCannotBeWritten"}},
	{"SIGINT and SIGTERM", []string{proc + "TestCommandsEndSoonAfterASignal", cl + "TestCommandsEndSoonAfterCtrlC"}},
	{"variables of other programs", []string{"agent/config.TestVariablesOfOtherPrograms", cl + "TestVariablesOfOtherProgramsStopNoCommand"}},
	{"proxy between client and bucket", []string{dl + "TestBytesGoThroughAProxy", dl + "TestHostPolicyHoldsBehindAProxy"}},
}}

const (
	up = "agent/upload."
	cl = "agent/cli."
)
