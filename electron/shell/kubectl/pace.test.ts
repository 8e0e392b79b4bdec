import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

it('one command after another sees what the controllers made of the former', () => {
  const { run } = house()
  run('kubectl create deployment web --image=nginx --replicas=2; kubectl rollout status deployment/web')
  expect(run('kubectl expose deployment web --port=80; kubectl get endpointslices -l kubernetes.io/service-name=web --no-headers').output).toMatch(/ 80 +10\.244\.\d\.\d+,10\.244\.\d\.\d+ /)
  expect(run('kubectl scale deployment web --replicas=5; kubectl get pods --no-headers | wc -l').output).toMatch(/\n5\n$/)
})

it('a policy is in force for what the next command sends', () => {
  const { run } = house({ cni: 'calico' })
  run('kubectl run web --image=nginx; kubectl run c --image=nicolaka/netshoot --command -- sleep 1d; kubectl wait --for=condition=Ready pod/web pod/c')
  const web = run("kubectl get pod web -o jsonpath='{.status.podIP}'").output
  run(`printf '%s\\n' '{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"deny"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}' > deny.json`)
  expect(run(`kubectl apply -f deny.json >/dev/null; hop trace default/c ${web}:80 | grep -o 'verdict: [a-z]*'`).output).toBe('verdict: dropped\n')
  expect(run(`kubectl delete -f deny.json >/dev/null; kubectl exec c -- curl -s -o /dev/null -w '%{http_code}\\n' ${web}`).output).toBe('200\n')
  expect(run(`kubectl apply -f deny.json >/dev/null; kubectl exec c -- curl -sS -m 1 ${web}`).code).toBe(28)
})
