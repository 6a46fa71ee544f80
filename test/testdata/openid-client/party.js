// A relying party with openid-client: code + PKCE, ID token, userinfo, refresh,
// revocation, sign-out address.
//
// usage: node party.js ISSUER CLIENT_ID REDIRECT_URI   (CLIENT_SECRET in the environment)
//
// The first line printed is where the browser has to go. The address at which
// it comes back is read from standard input. The last line is JSON.
import { createInterface } from 'node:readline/promises'
import * as oidc from 'openid-client'

const [issuer, id, redirect] = process.argv.slice(2)
const secret = process.env.CLIENT_SECRET
const config = await oidc.discovery(new URL(issuer), id, undefined, oidc.ClientSecretBasic(secret))

const verifier = oidc.randomPKCECodeVerifier()
const nonce = oidc.randomNonce()
const state = oidc.randomState()
const start = oidc.buildAuthorizationUrl(config, {
  redirect_uri: redirect,
  scope: 'openid email profile offline_access',
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  nonce,
  state,
})
console.log(start.href)

const input = createInterface({ input: process.stdin })
const back = new URL((await input[Symbol.asyncIterator]().next()).value)
input.close()

const tokens = await oidc.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier,
  expectedNonce: nonce,
  expectedState: state,
  idTokenExpected: true,
})
const claims = tokens.claims()
const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub)
const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token)
await oidc.tokenRevocation(config, refreshed.refresh_token)
const failure = async promise => {
  try {
    await promise
    return 'none'
  } catch (err) {
    return err.error ?? String(err.cause ?? err)
  }
}
console.log(JSON.stringify({
  email: claims.email,
  username: claims.preferred_username,
  userinfoEmail: userinfo.email,
  refreshed: refreshed.access_token !== tokens.access_token,
  codeAgain: await failure(oidc.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state,
  })),
  refreshAfterRevocation: await failure(oidc.refreshTokenGrant(config, refreshed.refresh_token)),
  signOut: oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token }).href,
}))
