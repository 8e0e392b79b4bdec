import { describe, expect, it } from 'vitest'
import type { ManagedEntry } from '../../engine/kubernetes/managed-fields/entries.ts'
import type { Deployment } from '../../engine/kubernetes/types.ts'
import { bench, type Bench } from './testing.samples.ts'

const manifest = (replicas: number, image = 'nginx'): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: ${replicas}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers: [{name: web, image: ${image}}]
`

function lab(): Bench {
  const b = bench()
  b.write('/home/student/web.yaml', manifest(2))
  return b
}
const managers = ({ api }: Bench): string[] =>
  (api.get('deployments', 'default', 'web').metadata.managedFields as unknown as ManagedEntry[]).map((e) => `${e.manager} ${e.operation}${e.subresource ? ` ${e.subresource}` : ''}`)

describe('kubectl apply --server-side', () => {
  it('makes and changes objects, under the name kubectl', () => {
    const b = lab()
    expect(b.run('kubectl apply --server-side -f web.yaml')).toMatchObject({ stdout: 'deployment.apps/web serverside-applied\n', stderr: '', code: 0 })
    expect(managers(b)).toEqual(['kubectl Apply'])
    expect(b.run('kubectl apply --server-side --field-manager=me --dry-run=server -f web.yaml').stdout).toBe('deployment.apps/web serverside-applied (server dry run)\n')
    expect(managers(b)).toEqual(['kubectl Apply'])
  })

  it('tells of conflicts and how they are resolved', () => {
    const b = lab()
    b.run('kubectl apply --server-side -f web.yaml && kubectl scale deployment web --replicas=5')
    const { stderr, code } = b.run('kubectl apply --server-side -f web.yaml')
    expect(code).toBe(1)
    expect(stderr.split('\n').slice(0, 4)).toEqual([
      'error: Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
      'Please review the fields above--they currently have other managers. Here',
      'are the ways you can resolve this warning:',
      '* If you intend to manage all of these fields, please re-run the apply',
    ])
    expect(b.run('kubectl apply --server-side --force-conflicts -f web.yaml').code).toBe(0)
    expect(b.api.get<Deployment>('deployments', 'default', 'web').spec.replicas).toBe(2)
  })

  it('takes over what kubectl applied itself before, so that it can be taken out again', () => {
    const b = lab()
    b.write('/home/student/more.yaml', manifest(2).replace('  replicas', '  minReadySeconds: 7\n  replicas'))
    b.run('kubectl apply -f more.yaml')
    expect(managers(b)).toEqual(['kubectl-client-side-apply Update'])
    expect(b.run('kubectl apply --server-side -f web.yaml').code).toBe(0)
    expect(managers(b).sort()).toEqual(['kubectl Apply', 'kubectl-last-applied Apply'])
    expect(b.api.get<Deployment>('deployments', 'default', 'web').spec.minReadySeconds).toBeUndefined()
    expect(b.run('kubectl apply view-last-applied deployment web').stdout).toContain('replicas: 2\n')
  })

  it('shows who manages what only when asked', () => {
    const b = lab()
    b.run('kubectl apply --server-side -f web.yaml')
    expect(b.run('kubectl get deployment web -o yaml').stdout).not.toContain('managedFields')
    expect(b.run('kubectl get deployment web -o yaml --show-managed-fields').stdout).toContain('            f:containers:\n              k:{"name":"web"}:\n                .: {}\n                f:image: {}\n')
  })
})

describe('kubectl diff', () => {
  it('shows nothing where nothing would change, and ends with 0', () => {
    const b = lab()
    b.run('kubectl apply -f web.yaml')
    expect(b.run('kubectl diff -f web.yaml')).toMatchObject({ stdout: '', stderr: '', code: 0 })
  })

  it('shows what an apply would change, ends with 1, and leaves no files', () => {
    const b = lab()
    b.run('kubectl apply -f web.yaml')
    b.write('/home/student/web.yaml', manifest(4))
    const { stdout, code } = b.run('kubectl diff -f web.yaml')
    expect(code).toBe(1)
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^diff -u -N \/tmp\/LIVE-\d+\/apps\.v1\.Deployment\.default\.web \/tmp\/MERGED-\d+\/apps\.v1\.Deployment\.default\.web$/)
    expect(lines.filter((line) => /^[+-] /.test(line))).toEqual(['-  generation: 1', '+  generation: 2', '-  replicas: 2', '+  replicas: 4'])
    expect(b.run('ls /tmp').stdout).not.toMatch(/LIVE|MERGED/)
    expect(b.api.get<Deployment>('deployments', 'default', 'web').spec.replicas).toBe(2)
  })

  it('shows what is not there yet as new, and errors with more than 1', () => {
    const b = lab()
    expect(b.run('kubectl diff -f web.yaml').stdout).toContain('+kind: Deployment\n')
    expect(b.run('kubectl diff').code).toBe(2)
  })

  it('does not show what is in a Secret', () => {
    const b = lab()
    b.run('kubectl apply -f - <<X\n{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"one","b":"two"}}\nX')
    const { stdout } = b.run('kubectl diff -f - <<X\n{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"a":"dGhyZWU=","b":"dHdv"}}\nX')
    expect(stdout).toContain("-  a: '*** (before)'\n+  a: '*** (after)'\n")
    expect(stdout).not.toContain('dGhyZWU=')
  })
})

describe('kubectl replace', () => {
  it('puts the file in place of the object', () => {
    const b = lab()
    expect(b.run('kubectl replace -f web.yaml').stderr).toBe('Error from server (NotFound): error when replacing "web.yaml": deployments.apps "web" not found\n')
    b.run('kubectl create -f web.yaml')
    b.write('/home/student/web.yaml', manifest(3))
    expect(b.run('kubectl replace -f web.yaml --save-config')).toMatchObject({ stdout: 'deployment.apps/web replaced\n', code: 0 })
    expect(managers(b)).toEqual(['kubectl-create Update', 'kubectl-replace Update'])
    expect(b.run('kubectl apply view-last-applied deployment/web -o json').stdout).toContain('"replicas": 3')
  })

  it('by force deletes it first', () => {
    const b = lab()
    b.run('kubectl create -f web.yaml')
    const { uid } = b.api.get('deployments', 'default', 'web').metadata
    expect(b.run('kubectl replace --force -f web.yaml').stdout).toBe('deployment.apps "web" deleted\ndeployment.apps/web replaced\n')
    expect(b.api.get('deployments', 'default', 'web').metadata.uid).not.toBe(uid)
    expect(b.run('kubectl replace --grace-period=3 -f web.yaml').stderr).toBe('error: --grace-period must have --force specified\n')
  })
})

describe('what kubectl remembers of an apply', () => {
  it('is shown and set', () => {
    const b = lab()
    b.run('kubectl create -f web.yaml')
    expect(b.run('kubectl apply view-last-applied deployment web')).toMatchObject({ stdout: '', stderr: '', code: 0 })
    expect(b.run('kubectl apply set-last-applied -f web.yaml').stderr).toBe(
      'error: no last-applied-configuration annotation found on resource: web, to create the annotation, run the command with --create-annotation\n',
    )
    expect(b.run('kubectl apply set-last-applied -f web.yaml --create-annotation').stdout).toBe('deployment.apps/web configured\n')
    expect(b.run('kubectl apply set-last-applied -f web.yaml').stdout).toBe('set-last-applied web: no changes required.\n')
  })
})
