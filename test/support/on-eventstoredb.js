// Before a test file of the project `eventstoredb`: whatever the run, this file has its log there.
process.env.TEST_LOG = 'eventstoredb';
