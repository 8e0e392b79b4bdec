import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bench, bench } from '../../electron/shell/kubectl/testing.samples.ts'
import { serve, type Served } from './kubectl/api-over-http.ts'
import { findKubectl } from './kubectl/find-kubectl.ts'

/** The referee of `kubectl explain`: the real one, v1.33, reads the same OpenAPI documents; compared byte for byte. */
const REAL = findKubectl()

const WIDGETS = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        description: A widget, which is
          described over some lines.
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, description: How big it is., enum: [1, 2, 3, 5, 8]}
              mode: {type: string, enum: ["", fast, slow]}
              port: {x-kubernetes-int-or-string: true, description: A port.}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              any: {x-kubernetes-preserve-unknown-fields: true}
              tags: {type: array, items: {type: string}}
              parts:
                type: array
                description: What it is made of.
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string, description: The name of a part}, weight: {type: number}}
              limits: {type: object, additionalProperties: {type: object, properties: {least: {type: integer}}}}
          status:
            type: object
            x-kubernetes-preserve-unknown-fields: true
`

const QUESTIONS = `
pod
pods.spec
po.spec.containers
pod.spec.containers.ports
pod.spec.containers.ports.protocol
pod.spec.containers.resources
pod.spec.containers.resources.limits
pod.spec.restartPolicy
pod.spec.dnsPolicy
pod.spec.volumes
pod.spec.volumes.hostPath.type
pod.spec.affinity
pod.spec.containers.livenessProbe.httpGet.port
pod.spec.tolerations.operator
pod.metadata
pod.metadata.managedFields.fieldsV1
pod.metadata.creationTimestamp
pod.metadata.labels
pod.status.podIPs
pod.kind
pod --recursive
pod.spec.containers --recursive
service.spec.ports
service.spec.ports.appProtocol
svc.spec --recursive
svc.spec.ipFamilies
deploy
deploy --recursive
deployments.apps.spec.strategy
deployments.v1.apps
deployment.spec.template.spec --api-version=apps/v1
deployment --api-version=apps/v2
deployment --api-version=v1
ns.spec.finalizers
node.status.addresses
cm
cm.data
secret.data
endpointslices.discovery.k8s.io.endpoints.conditions
endpointslice.ports
ep.subsets
ds.spec.updateStrategy.rollingUpdate.maxSurge
rs.status.conditions
lease.spec
events
crd
crd.spec.versions
crd.spec.versions.schema.openAPIV3Schema
crd.spec --recursive
pod.spec.nothing
pod.nothing
pod.spec.containers.name.nothing
nothing
nothing.spec
pod.spec.containers[0]
pod.
pod -o yaml
pod --output yaml
pod service

widgets
widget.spec
wd.spec.size
wd.spec.mode
wd.spec.port
wd.spec.free
wd.spec.any
wd.spec.parts
wd.spec.limits
wd.spec.limits.least
wd.metadata
wd.status
widgets.example.com.spec.tags
wd --recursive
`.slice(1, -1).split('\n')

describe.skipIf(!REAL)('kubectl explain says what kubectl 1.33 says', () => {
  let ours: Bench
  let served: Served
  let home: string

  beforeAll(async () => {
    ours = bench()
    ours.write('/home/student/widgets.yaml', WIDGETS)
    expect(ours.run('kubectl apply -f widgets.yaml').stderr).toBe('')
    ours.run('kubectl wait --for=condition=Established crd/widgets.example.com')
    served = await serve(ours.clock, ours.cluster.client)
    home = mkdtempSync(join(tmpdir(), 'podhop-explain-'))
    writeFileSync(join(home, 'config'), ours.cluster.laptop.fs.readText('/home/student/.kube/config').replace('https://172.18.0.2:6443', served.url))
  })
  afterAll(async () => {
    await served.close()
    rmSync(home, { recursive: true, force: true })
  })

  async function real(args: readonly string[]): Promise<{ stdout: string; stderr: string; code: number | null }> {
    const child = spawn(REAL!, args, { argv0: 'kubectl', cwd: home, env: { PATH: process.env['PATH'], HOME: home, KUBECONFIG: join(home, 'config') } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    const code = await new Promise<number | null>((done) => child.on('close', done))
    return { stdout, stderr, code }
  }

  it.each(QUESTIONS)('explain %s', async (question) => {
    const args = ['explain', ...question.split(' ').filter((w) => w !== '')]
    const expected = await real(args)
    const { stdout, stderr, code } = ours.run(`kubectl ${args.map((a) => `'${a}'`).join(' ')}`)
    expect({ stdout, stderr, code }).toEqual(expected)
  })
})
