import createClient from "openapi-fetch";

export function driveway(baseUrl, token, options = {}) {
  return createClient({ ...options, baseUrl, headers: { authorization: `Bearer ${token}`, ...options.headers } });
}
