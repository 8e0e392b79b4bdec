import { expect, it } from 'vitest'
import { house } from './house.samples.ts'

it('a ValidatingAdmissionPolicy has a word in exec, attach, port-forward and the proxy: the operation CONNECT', () => {
  const { run } = house({ nodes: 2 })
  const policy = (name: string, resources: string, expression: string): string => `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: ${name}}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CONNECT], resources: [${resources}]}]
  validations: [{expression: "${expression}", message: "${name} says no", reason: Forbidden}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: ${name}-binding}
spec: {policyName: ${name}, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}}}
---`
  const applied = run(`kubectl run web --image=nginx:1.27.5 --port 80; kubectl -n kube-public run web --image=nginx:1.27.5; sleep 5; kubectl apply -f - <<'E'
${policy('no-shells', 'pods/exec, pods/attach', "!has(object.tty) || !object.tty || object.command != ['sh']")}
${policy('no-debugging', 'pods/portforward, pods/proxy', "request.userInfo.username != 'jane'")}
E
kubectl create clusterrolebinding jane --clusterrole=cluster-admin --user=jane`)
  expect(applied.output).not.toContain('not simulated')
  const refused = (name: string): string => `Error from server (Forbidden): pods "web" is forbidden: ValidatingAdmissionPolicy '${name}' with binding '${name}-binding' denied request: ${name} says no\n`
  expect(run('kubectl exec web -- echo hello')).toEqual({ code: 0, output: 'hello\n' })
  expect(run('kubectl get --raw /api/v1/namespaces/default/pods/web/proxy/ | head -1').output).toBe('<!DOCTYPE html>\n')
  expect(run('kubectl --as jane get --raw /api/v1/namespaces/default/pods/web/proxy/')).toEqual({ code: 1, output: refused('no-debugging') })
  expect(run('kubectl --as jane port-forward web 8080:80').output).toContain("denied request: no-debugging says no\n")
  run(`kubectl patch validatingadmissionpolicy no-shells --type=json -p '[{"op":"replace","path":"/spec/validations/0/expression","value":"object.command[0] != \\"sh\\" || object.container != \\"web\\""}]'`)
  expect(run('kubectl exec web -- sh -c "echo hello"')).toEqual({ code: 1, output: refused('no-shells') })
  expect(run('kubectl exec web -- echo hello')).toEqual({ code: 0, output: 'hello\n' })
  expect(run('kubectl -n kube-public exec web -- sh -c "echo hello"')).toEqual({ code: 0, output: 'hello\n' })
})
