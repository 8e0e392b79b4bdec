import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { StatusError } from './client.ts'
import type { KubeObject } from './types.ts'

/**
 * samples/<kind>/<case>.yaml: a manifest, "---", and what comes of it: the object as `kubectl get -o yaml` shows it,
 * or `message:` (and other parts of the Status) of the refusal. A third document between them is an update.
 */
const HERE = join(import.meta.dirname, 'samples')

function resourceOf(api: ApiServer, manifest: KubeObject): { resource: string; namespace: string | undefined } {
  const row = api.resources().find((r) => r.kind === manifest.kind)!
  return { resource: row.name, namespace: row.namespaced ? 'default' : undefined }
}

function outcome(steps: KubeObject[]): unknown {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true, managedFields: false })
  try {
    const { resource, namespace } = resourceOf(api, steps[0]!)
    let object = api.create<KubeObject>(resource, namespace, steps[0])
    for (const update of steps.slice(1)) object = api.update(resource, namespace, object.metadata.name, update)
    return JSON.parse(JSON.stringify(object)) as unknown
  } catch (error) {
    if (error instanceof StatusError) return error.status
    throw error
  }
}

for (const kind of readdirSync(HERE)) {
  describe(`samples of ${kind}`, () => {
    for (const file of readdirSync(join(HERE, kind))) {
      it(file.replace('.yaml', '').replaceAll('-', ' '), () => {
        const path = join(HERE, kind, file)
        const documents = readFileSync(path, 'utf8').split(/^---$/m).map((text) => parse(text) as KubeObject)
        const expected = documents.pop()!
        const actual = outcome(documents)
        if (process.env['PRINT_SAMPLES'] && existsSync(path)) console.log(`# ${kind}/${file}\n${stringify(actual, { sortMapEntries: true })}`)
        if ('message' in expected) expect(actual).toMatchObject(expected)
        else expect(actual).toEqual(expected)
      })
    }
  })
}
