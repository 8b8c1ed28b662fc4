-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
/*!40103 SET TIME_ZONE='+00:00' */;
DROP TABLE IF EXISTS `cdr`;
CREATE TABLE `cdr` (
  `calldate` datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  `clid` varchar(80) NOT NULL DEFAULT '',
  `src` varchar(80) NOT NULL DEFAULT '',
  `dst` varchar(80) NOT NULL DEFAULT '',
  `dcontext` varchar(80) NOT NULL DEFAULT '',
  `channel` varchar(80) NOT NULL DEFAULT '',
  `dstchannel` varchar(80) NOT NULL DEFAULT '',
  `lastapp` varchar(80) NOT NULL DEFAULT '',
  `lastdata` varchar(80) NOT NULL DEFAULT '',
  `duration` int(11) NOT NULL DEFAULT 0,
  `billsec` int(11) NOT NULL DEFAULT 0,
  `disposition` varchar(45) NOT NULL DEFAULT '',
  `amaflags` int(11) NOT NULL DEFAULT 0,
  `accountcode` varchar(20) NOT NULL DEFAULT '',
  `uniqueid` varchar(32) NOT NULL DEFAULT '',
  `userfield` varchar(255) NOT NULL DEFAULT '',
  `did` varchar(50) NOT NULL DEFAULT '',
  `recordingfile` varchar(255) NOT NULL DEFAULT '',
  `cnum` varchar(80) NOT NULL DEFAULT '',
  `cnam` varchar(80) NOT NULL DEFAULT '',
  `outbound_cnum` varchar(80) NOT NULL DEFAULT '',
  `outbound_cnam` varchar(80) NOT NULL DEFAULT '',
  `dst_cnam` varchar(80) NOT NULL DEFAULT '',
  `linkedid` varchar(32) NOT NULL DEFAULT '',
  `peeraccount` varchar(80) NOT NULL DEFAULT '',
  `sequence` int(11) NOT NULL DEFAULT 0,
  KEY `calldate` (`calldate`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `cdr` WRITE;
INSERT INTO `cdr` VALUES ('2026-11-27 12:00:00','\"O\'Neil, (Ann)\" <+12125550100>','+12125550100','92125550143','from-internal','PJSIP/101-0000001a','PJSIP/Carrier-0000001b','Dial','PJSIP/+12125550143@Carrier,300,T',64,60,'ANSWERED',3,'','1795798800.26','','','out-92125550143-101.wav','101','O''Neil; Ann','+12125550100','','','1795798800.26','',1),('2026-11-27 12:02:00','','+442079460018','12125550100','ext-local','PJSIP/Carrier-0000001c','PJSIP/101-0000001d','Dial','PJSIP/101/sip:101@192.0.2.20:5060,,tr',20,0,'NO ANSWER',3,'','1795798920.28','','12125550100','','+442079460018','','','','Ann','1795798920.28','',2);
INSERT INTO `cdr` VALUES ('2026-11-27 12:03:00','','101','102','ext-local','PJSIP/101-0000001e','PJSIP/102-0000001f','Dial','PJSIP/102/sip:102@192.0.2.21:5060',9,5,'ANSWERED',3,'','1795798980.30','','','','101','','','','','1795798980.30','',3),('0000-00-00 00:00:00','','101','92125550143','from-internal','PJSIP/101-00000020','','Hangup','',0,0,'FAILED',3,'','1795798990.32','','','','101','','','','','1795798990.32','',4),('2026-11-27 12:04:00');
UNLOCK TABLES;
CREATE TABLE `cel` (
  `id` int(11) NOT NULL
);
INSERT INTO `cel` VALUES (1),(2);
