// A typed client, made from the OpenAPI document: posts a check-in and reads a trend.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
declare const console: { log(text: string): void };

const [, , baseUrl, token, patient_id, id] = process.argv as [string, string, string, string, string, string];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const path = { patient_id };

const checkIn: components["schemas"]["CheckInIn"] = {
  id,
  occurred_at: "2026-05-31T08:00:00-04:00",
  mood_cognition: { mood: 4 },
};
const posted = await client.POST("/v1/patients/{patient_id}/check-ins", { params: { path }, body: checkIn });
if (posted.data === undefined) throw new Error(posted.error.title);

const wrong = await client.POST("/v1/patients/{patient_id}/check-ins", {
  params: { path },
  body: { ...checkIn, mood_cognition: { mood: 40 } },
});
const pointer: string | undefined = wrong.error?.errors?.[0]?.pointer;

const read = await client.GET("/v1/patients/{patient_id}/trends", { params: { path, query: { as_of: "2026-06-01" } } });
if (read.data === undefined) throw new Error(read.error?.title);
if (typeof read.data === "string") throw new Error("not asked for as text");
const mood = read.data.measures?.find((one) => one.measure === "mood_cognition.mood");

console.log(JSON.stringify({ status: posted.response.status, version: posted.data.version, pointer, last: mood?.last?.value }));
